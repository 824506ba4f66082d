//! Waking up at a moment.
//!
//! The timeouts of epoll are whole milliseconds, which is longer than an answer takes. On Linux a timer that is itself
//! an event wakes to within some microseconds; elsewhere the timeout has to do.

#[cfg(target_os = "linux")]
pub(super) use linux::Alarm;
#[cfg(not(target_os = "linux"))]
pub(super) use portable::Alarm;

#[cfg(target_os = "linux")]
mod linux {
    use mio::unix::SourceFd;
    use mio::{Interest, Registry, Token};
    use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
    use rustix::time::{timerfd_create, timerfd_settime};
    use std::io;
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::time::Duration;

    /// Wakes a poll at a moment.
    pub(in crate::engine) struct Alarm {
        timer: OwnedFd,
        set_for: Option<u64>,
    }

    impl Alarm {
        pub(in crate::engine) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            registry.register(&mut SourceFd(&timer.as_raw_fd()), token, Interest::READABLE)?;
            Ok(Self { timer, set_for: None })
        }

        /// Sets the alarm, in nanoseconds of the same clock, and returns the timeout to poll with.
        pub(in crate::engine) fn set(&mut self, now: u64, moment: u64) -> io::Result<Option<Duration>> {
            if moment <= now {
                return Ok(Some(Duration::ZERO));
            }
            if self.set_for != Some(moment) {
                let after = moment - now;
                let never = Timespec { tv_sec: 0, tv_nsec: 0 };
                let value = Timespec {
                    tv_sec: (after / 1_000_000_000) as i64,
                    tv_nsec: (after % 1_000_000_000) as i64,
                };
                let once = Itimerspec { it_interval: never, it_value: value };
                // Setting it anew also takes back that it went off, so it never needs to be read.
                timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
                self.set_for = Some(moment);
            }
            Ok(None)
        }

        /// It went off.
        pub(in crate::engine) fn went_off(&mut self) {
            self.set_for = None;
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod portable {
    use mio::{Registry, Token};
    use std::io;
    use std::time::Duration;

    /// Wakes a poll at a moment, by its timeout.
    pub(in crate::engine) struct Alarm;

    impl Alarm {
        pub(in crate::engine) fn new(_registry: &Registry, _token: Token) -> io::Result<Self> {
            Ok(Self)
        }

        pub(in crate::engine) fn set(&mut self, now: u64, moment: u64) -> io::Result<Option<Duration>> {
            Ok(Some(Duration::from_nanos(moment.saturating_sub(now))))
        }

        pub(in crate::engine) fn went_off(&mut self) {}
    }
}
