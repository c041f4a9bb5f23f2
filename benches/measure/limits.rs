//! How many descriptors this process may have.

#![expect(unsafe_code, reason = "getrlimit and setrlimit are C functions")]

use std::mem::MaybeUninit;

/// Raises the number of descriptors to what the system allows; says how many that are.
#[must_use]
pub fn raise_descriptors() -> u64 {
    let mut limit = MaybeUninit::<libc::rlimit>::zeroed();
    // SAFETY: getrlimit writes one rlimit to the pointer, which is valid for that.
    let code = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, limit.as_mut_ptr()) };
    // SAFETY: zeroed at first, which is a value of this plain C struct, then perhaps written.
    let mut limit = unsafe { limit.assume_init() };
    if code != 0 {
        return 0;
    }
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: reads one rlimit from the pointer. If it is refused the limit stays as it was.
    let _refused = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    limit.rlim_cur
}
