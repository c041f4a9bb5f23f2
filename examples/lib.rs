//! Programs that show one idea each; see the README beside this file.
