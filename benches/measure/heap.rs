//! glibc's habit of giving freed memory back to the system, and how to stop it.
//!
//! After a burst of spawns glibc gives the top of its heap back and faults it in again in
//! the next burst. Whoever recycles cells looks better beside that, so spawn rows are
//! measured with and without it.

#![expect(unsafe_code, reason = "mallopt is a C function")]

/// From now on glibc keeps freed memory. False where the C library is another one.
#[must_use]
pub fn keep_freed_memory() -> bool {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: mallopt only changes parameters of the allocator, under its own lock.
        unsafe { libc::mallopt(libc::M_TRIM_THRESHOLD, libc::c_int::MAX) == 1 }
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    {
        false
    }
}
