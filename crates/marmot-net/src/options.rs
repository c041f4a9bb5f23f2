//! Socket options, under std's names where std has them.

/// Sizes of the system's buffers.
macro_rules! buffers {
    () => {
        /// Sets the size of the system's buffer for receiving, in bytes.
        ///
        /// # Errors
        ///
        /// If the system refuses.
        pub fn set_recv_buffer_size(&self, size_bytes: usize) -> std::io::Result<()> {
            socket2::SockRef::from(self).set_recv_buffer_size(size_bytes)
        }

        /// The size of the system's buffer for receiving, in bytes, as the system counts.
        ///
        /// # Errors
        ///
        /// If the system refuses.
        pub fn recv_buffer_size(&self) -> std::io::Result<usize> {
            socket2::SockRef::from(self).recv_buffer_size()
        }

        /// Sets the size of the system's buffer for sending, in bytes.
        ///
        /// # Errors
        ///
        /// If the system refuses.
        pub fn set_send_buffer_size(&self, size_bytes: usize) -> std::io::Result<()> {
            socket2::SockRef::from(self).set_send_buffer_size(size_bytes)
        }

        /// The size of the system's buffer for sending, in bytes, as the system counts.
        ///
        /// # Errors
        ///
        /// If the system refuses.
        pub fn send_buffer_size(&self) -> std::io::Result<usize> {
            socket2::SockRef::from(self).send_buffer_size()
        }

        /// The pending error of the socket, which this takes away.
        ///
        /// # Errors
        ///
        /// If the system refuses.
        pub fn take_error(&self) -> std::io::Result<Option<std::io::Error>> {
            self.socket.get().take_error()
        }
    };
}
pub(crate) use buffers;

/// The time to live of packets.
macro_rules! ttl {
    () => {
        /// Sets the time to live (the hop limit) of packets sent.
        ///
        /// # Errors
        ///
        /// If the system refuses.
        pub fn set_ttl(&self, ttl: u32) -> std::io::Result<()> {
            self.socket.get().set_ttl(ttl)
        }

        /// The time to live (the hop limit) of packets sent.
        ///
        /// # Errors
        ///
        /// If the system refuses.
        pub fn ttl(&self) -> std::io::Result<u32> {
            self.socket.get().ttl()
        }
    };
}
pub(crate) use ttl;
