//! The names of system calls that block: what a dump says of a stuck thread.

macro_rules! table {
    ($($name:ident)*) => {
        /// The name of this system call; `"a system call"` for one that seldom blocks.
        #[cfg(target_os = "linux")]
        pub(crate) fn name(number: i64) -> &'static str {
            /// Number and name, of those that block.
            const CALLS: &[(i64, &str)] = &[$((libc::$name as i64, short(stringify!($name))),)*];
            CALLS
                .iter()
                .chain(OLD)
                .find(|call| call.0 == number)
                .map_or("a system call", |call| call.1)
        }
    };
}

/// `SYS_read` as `read`.
#[cfg(target_os = "linux")]
const fn short(name: &'static str) -> &'static str {
    name.split_at("SYS_".len()).1
}

/// Those that newer architectures have only under another name.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
const OLD: &[(i64, &str)] = &[
    (libc::SYS_poll, "poll"),
    (libc::SYS_select, "select"),
    (libc::SYS_epoll_wait, "epoll_wait"),
    (libc::SYS_pause, "pause"),
    (libc::SYS_open, "open"),
];

/// None here.
#[cfg(all(target_os = "linux", not(target_arch = "x86_64")))]
const OLD: &[(i64, &str)] = &[];

table! {
    SYS_read SYS_write SYS_readv SYS_writev SYS_pread64 SYS_pwrite64 SYS_openat SYS_close
    SYS_fsync SYS_fdatasync SYS_sync SYS_flock SYS_fcntl SYS_ioctl SYS_sendfile SYS_splice
    SYS_copy_file_range SYS_getdents64 SYS_fallocate SYS_ftruncate SYS_msync SYS_mmap SYS_munmap
    SYS_accept SYS_accept4 SYS_connect SYS_recvfrom SYS_recvmsg SYS_recvmmsg SYS_sendto
    SYS_sendmsg SYS_sendmmsg SYS_ppoll SYS_pselect6 SYS_epoll_pwait SYS_futex
    SYS_nanosleep SYS_clock_nanosleep SYS_wait4 SYS_waitid SYS_rt_sigtimedwait SYS_rt_sigsuspend
    SYS_sched_yield SYS_getrandom SYS_io_uring_enter SYS_semtimedop SYS_msgrcv SYS_msgsnd
    SYS_mq_timedreceive SYS_mq_timedsend SYS_madvise SYS_membarrier SYS_mount SYS_umount2
}

/// Elsewhere nobody tells the number.
#[cfg(not(target_os = "linux"))]
pub(crate) fn name(_number: i64) -> &'static str {
    "a system call"
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::name;

    #[test]
    fn a_call_that_blocks_has_its_name() {
        assert_eq!(name(libc::SYS_futex), "futex");
        assert_eq!(name(libc::SYS_clock_nanosleep), "clock_nanosleep");
        assert_eq!(name(-1), "a system call");
    }
}
