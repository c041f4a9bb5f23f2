//! The two fences of the lease: nearly free for machines, dear for the monitor.
//!
//! Linux: `membarrier(PRIVATE_EXPEDITED)` in the monitor, nothing but a compiler fence in the
//! machines. Elsewhere, and in models: `fence(SeqCst)` in both.

#[cfg(not(marmot_loom))]
pub use real::{FenceKind, fence_kind, heavy, light, register, set_fence_kind};

/// In a model both fences are full ones.
#[cfg(marmot_loom)]
pub(super) use model::{heavy, light};

#[cfg(marmot_loom)]
mod model {
    use crate::loom::{Ordering, fence};

    pub(crate) fn light() {
        // ORDERING: SeqCst: store buffering, see the module above. Pairs with `heavy`.
        fence(Ordering::SeqCst);
    }

    pub(crate) fn heavy() {
        // ORDERING: SeqCst: pairs with `light`.
        fence(Ordering::SeqCst);
    }
}

#[cfg(not(marmot_loom))]
#[expect(unsafe_code, reason = "membarrier is a system call")]
mod real {
    use std::sync::atomic::{AtomicBool, Ordering, compiler_fence, fence};

    /// Which form of the fences is in use.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum FenceKind {
        /// membarrier in the monitor, a compiler fence in the machines.
        Membarrier,
        /// A full fence in both.
        SeqCst,
    }

    /// Whether membarrier has been registered. Written before any machine starts.
    // ORDERING: Relaxed; machines start after it is written, by threads that came through
    // `register`.
    static MEMBARRIER: AtomicBool = AtomicBool::new(false);

    /// Asks the kernel for membarrier; without it both fences are full ones. Before the first
    /// machine of the process starts.
    pub fn register() {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| {
            let wanted = std::env::var_os("MARMOT_FENCE").is_none_or(|kind| kind != "seqcst");
            // ORDERING: Relaxed; machines are started afterwards, by threads that came
            // through this `Once`.
            MEMBARRIER.store(wanted && sys::register(), Ordering::Relaxed);
        });
    }

    /// Which form is in use.
    #[must_use]
    pub fn fence_kind() -> FenceKind {
        if MEMBARRIER.load(Ordering::Relaxed) {
            FenceKind::Membarrier
        } else {
            FenceKind::SeqCst
        }
    }

    /// Chooses a form, for stress tests that compare them; no machine may be running.
    #[doc(hidden)]
    pub fn set_fence_kind(kind: FenceKind) {
        MEMBARRIER.store(
            kind == FenceKind::Membarrier && sys::register(),
            Ordering::Relaxed,
        );
    }

    /// The machines' fence.
    #[inline(always)]
    pub fn light() {
        if MEMBARRIER.load(Ordering::Relaxed) {
            // ORDERING: the compiler must not move the accesses on both sides past each
            // other; the processor may, see "Why it is right". Pairs with `heavy`.
            compiler_fence(Ordering::SeqCst);
        } else {
            // ORDERING: SeqCst: store buffering, pairs with the fence in `heavy`.
            fence(Ordering::SeqCst);
        }
    }

    /// The monitor's fence.
    #[inline]
    pub fn heavy() {
        if MEMBARRIER.load(Ordering::Relaxed) {
            sys::membarrier();
        } else {
            // ORDERING: SeqCst: pairs with the fence in `light`.
            fence(Ordering::SeqCst);
        }
    }

    #[cfg(target_os = "linux")]
    mod sys {
        const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
        const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

        fn call(command: libc::c_int) -> bool {
            // SAFETY: membarrier takes three numbers and touches no memory of ours.
            unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
        }

        pub(super) fn register() -> bool {
            call(REGISTER_PRIVATE_EXPEDITED)
        }

        pub(super) fn membarrier() {
            assert!(
                call(PRIVATE_EXPEDITED),
                "membarrier fails only if it was not registered"
            );
        }
    }

    #[cfg(not(target_os = "linux"))]
    mod sys {
        pub(super) fn register() -> bool {
            false
        }

        pub(super) fn membarrier() {
            unreachable!("registered on Linux only")
        }
    }
}
