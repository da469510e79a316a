//! What a child gets at its birth, as far as the kernel can do that.

use super::failure::{Failure, Reason, Step};
use super::plan::Plan;
use super::request::Request;
use crate::sys::birth::{Answer, Birth, can, may_autokill};
use crate::sys::{Errno, namespace};
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// AUTOKILL was refused to this process for want of the capability.
static MAY_NOT_AUTOKILL: AtomicBool = AtomicBool::new(false);

/// What a start with these wishes would fail with on this system. EAGAIN if that cannot
/// be found out now.
pub fn check(private: bool, kills_on_death: bool, no_new_privs: bool) -> Result<(), Errno> {
    let wanted = match (private, kills_on_death) {
        (_, true) => Birth::AUTOREAP.with(Birth::AUTOKILL),
        (true, false) => Birth::AUTOREAP,
        _ => return Ok(()),
    };
    match can(wanted) {
        Answer::No => Err(Errno::ENOSYS),
        Answer::Unknown => Err(Errno::EAGAIN),
        Answer::Yes if kills_on_death && !no_new_privs && !may_autokill() => Err(Errno::EPERM),
        Answer::Yes => Ok(()),
    }
}

/// What the request cannot do without.
pub fn required(request: &Request) -> Birth {
    let mut required = Birth::PLAIN;
    if request.private {
        required = required.with(Birth::AUTOREAP);
    }
    if request.kills_on_death {
        required = required.with(Birth::AUTOREAP).with(Birth::AUTOKILL);
        if request.no_new_privs {
            required = required.with(Birth::NO_NEW_PRIVS); // else it needs a capability
        }
    }
    // A process in between would be the init of the new PID namespace.
    if request.detached && namespace::lacks_init() {
        required = required.with(Birth::AUTOREAP);
    }
    required
}

/// What the next child of this kind gets. `NoPrivate` if something is required that is
/// not to be had.
pub fn of(request: &Request, required: Birth) -> Result<Birth, Failure> {
    let mut birth = required;
    if can(required) == Answer::No {
        return Err(lacking(request));
    }
    let mut wants = |wanted: Birth| {
        if can(wanted) == Answer::Yes {
            birth = birth.with(wanted);
        }
    };
    if request.no_new_privs {
        wants(Birth::NO_NEW_PRIVS);
    }
    if request.detached {
        wants(Birth::AUTOREAP);
    }
    let has_right = request.no_new_privs || !MAY_NOT_AUTOKILL.load(Relaxed);
    if request.kills_on_close && !request.holds_group && has_right {
        wants(Birth::AUTOREAP.with(Birth::AUTOKILL));
    }
    Ok(birth)
}

/// The kernel has refused AUTOKILL with EPERM.
pub fn may_not_autokill() {
    MAY_NOT_AUTOKILL.store(true, Relaxed);
}

fn lacking(request: &Request) -> Failure {
    Failure::misuse(if request.is_private() { Reason::NoPrivate } else { Reason::NoInit }, 0)
}

/// The kernel has refused what is required.
pub fn refused(plan: &Plan, errno: Errno) -> Failure {
    let lacks_right = errno == Errno::EPERM && plan.required.has(Birth::AUTOKILL);
    if lacks_right && !plan.required.has(Birth::NO_NEW_PRIVS) {
        return Failure::misuse(Reason::NoAutokill, 0);
    }
    match can(plan.required) {
        // It has all of it: something else was wrong.
        Answer::Yes => Failure::new(Step::Clone, 0, errno),
        _ => lacking(plan.request),
    }
}
