//! The instructions that enter the kernel.
//!
//! `call` makes a system call that no libc function sees: it takes no lock,
//! touches no errno and is no cancellation point, which is why a cloned child
//! that shares its parent's memory may use it. `clone` is the one call that
//! returns twice, the second time on another stack.

/// Where a cloned child begins, and what it is given.
#[derive(Clone, Copy)]
pub struct Entry {
    /// One past the highest byte of the child's stack, aligned to 16.
    pub stack_top: *mut u8,
    pub run: extern "C" fn(*const u8) -> !,
    pub argument: *const u8,
}

/// Makes system call `number`; returns what the kernel put in the result
/// register: a value, or a negated errno between -4095 and -1.
///
/// # Safety
/// The arguments must be what that call expects; pointers must be valid for
/// what it does with them.
#[cfg(target_arch = "x86_64")]
pub unsafe fn call(number: i64, a: [usize; 6]) -> isize {
    let result;
    // SAFETY: the kernel's x86_64 convention: number and result in rax, rcx and
    // r11 lost, the stack untouched. The rest is the caller's promise.
    unsafe {
        core::arch::asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") a[0], in("rsi") a[1], in("rdx") a[2],
            in("r10") a[3], in("r8") a[4], in("r9") a[5],
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// Makes the clone-like call `number`. Returns in the parent as `call` does;
/// the child runs `entry` and never comes back.
///
/// The child's stack pointer is set here, not only by the kernel: valgrind and
/// qemu-user turn the call into a fork and ignore the stack that it names.
///
/// # Safety
/// As for `call`; in addition, the stack must stay untouched by the parent until
/// the child has left it (CLONE_VFORK, or memory that is not shared).
#[cfg(target_arch = "x86_64")]
pub unsafe fn clone(number: i64, a: [usize; 5], entry: Entry) -> isize {
    let result;
    // SAFETY: as in `call`. r12 to r14 are kept by the kernel in both
    // processes. The child leaves this frame through a function that never
    // returns, so nothing the compiler keeps on the parent's stack is used or
    // changed by it. `call` pushes 8 bytes onto a 16-aligned stack, as the ABI
    // has it at a function's entry; rbp = 0 ends backtraces there.
    unsafe {
        core::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rsp, r12",
            "mov rdi, r13",
            "call r14",
            "ud2",
            "2:",
            inlateout("rax") number as isize => result,
            in("rdi") a[0], in("rsi") a[1], in("rdx") a[2], in("r10") a[3], in("r8") a[4],
            in("r12") entry.stack_top, in("r13") entry.argument, in("r14") entry.run,
            lateout("rcx") _, lateout("r11") _,
        );
    }
    result
}

/// See the x86_64 version.
///
/// # Safety
/// See the x86_64 version.
#[cfg(target_arch = "x86")]
pub unsafe fn call(number: i64, a: [usize; 6]) -> isize {
    let result;
    // SAFETY: number and result in eax, nothing else lost. The compiler may keep
    // its frame in ebp and esi, so they are put aside, and all six arguments
    // come out of memory.
    unsafe {
        core::arch::asm!(
            "push ebp",
            "push esi",
            "mov ebx, [ecx]",
            "mov edx, [ecx + 8]",
            "mov esi, [ecx + 12]",
            "mov edi, [ecx + 16]",
            "mov ebp, [ecx + 20]",
            "mov ecx, [ecx + 4]",
            "int 0x80",
            "pop esi",
            "pop ebp",
            inlateout("eax") number as isize => result,
            inout("ecx") a.as_ptr() => _,
            out("ebx") _, out("edx") _, out("edi") _,
        );
    }
    result
}

/// See the x86_64 version.
///
/// # Safety
/// See the x86_64 version.
#[cfg(target_arch = "x86")]
pub unsafe fn clone(number: i64, a: [usize; 5], entry: Entry) -> isize {
    let result;
    // SAFETY: see the x86_64 version, and `call` for ebp and esi. No register is
    // left for the entry: what to call and its argument lie on top of the
    // child's stack, where a fork's child has a copy of them, and ebp, which
    // neither clone looks at, leads there. The argument is at a 16-aligned
    // place, as the ABI has it.
    unsafe {
        let top = entry.stack_top.sub(16).cast::<usize>();
        top.write(entry.argument as usize);
        top.add(1).write(entry.run as usize);
        let words = [a[0], a[1], a[2], a[3], a[4], top as usize];
        core::arch::asm!(
            "push ebp",
            "push esi",
            "mov ebx, [ecx]",
            "mov edx, [ecx + 8]",
            "mov esi, [ecx + 12]",
            "mov edi, [ecx + 16]",
            "mov ebp, [ecx + 20]",
            "mov ecx, [ecx + 4]",
            "int 0x80",
            "test eax, eax",
            "jnz 2f",
            "mov esp, ebp",
            "xor ebp, ebp",
            "call [esp + 4]",
            "ud2",
            "2:",
            "pop esi",
            "pop ebp",
            inlateout("eax") number as isize => result,
            inout("ecx") words.as_ptr() => _,
            out("ebx") _, out("edx") _, out("edi") _,
        );
    }
    result
}

/// See the x86_64 version.
///
/// # Safety
/// See the x86_64 version.
#[cfg(target_arch = "aarch64")]
pub unsafe fn call(number: i64, a: [usize; 6]) -> isize {
    let result;
    // SAFETY: number in x8, arguments and result from x0, nothing else lost.
    unsafe {
        core::arch::asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") a[0] as isize => result,
            in("x1") a[1], in("x2") a[2], in("x3") a[3], in("x4") a[4], in("x5") a[5],
            options(nostack),
        );
    }
    result
}

/// See the x86_64 version.
///
/// # Safety
/// See the x86_64 version.
#[cfg(target_arch = "aarch64")]
pub unsafe fn clone(number: i64, a: [usize; 5], entry: Entry) -> isize {
    let result;
    // SAFETY: see the x86_64 version; x20 to x22 are kept by the kernel.
    unsafe {
        core::arch::asm!(
            "svc 0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov sp, x20",
            "mov x0, x21",
            "blr x22",
            "brk 1",
            "2:",
            in("x8") number,
            inlateout("x0") a[0] as isize => result,
            in("x1") a[1], in("x2") a[2], in("x3") a[3], in("x4") a[4],
            in("x20") entry.stack_top, in("x21") entry.argument, in("x22") entry.run,
        );
    }
    result
}

/// See the x86_64 version.
///
/// # Safety
/// See the x86_64 version.
#[cfg(target_arch = "riscv64")]
pub unsafe fn call(number: i64, a: [usize; 6]) -> isize {
    let result;
    // SAFETY: number in a7, arguments and result from a0, nothing else lost.
    unsafe {
        core::arch::asm!(
            "ecall",
            in("a7") number,
            inlateout("a0") a[0] as isize => result,
            in("a1") a[1], in("a2") a[2], in("a3") a[3], in("a4") a[4], in("a5") a[5],
            options(nostack),
        );
    }
    result
}

/// See the x86_64 version.
///
/// # Safety
/// See the x86_64 version.
#[cfg(target_arch = "riscv64")]
pub unsafe fn clone(number: i64, a: [usize; 5], entry: Entry) -> isize {
    let result;
    // SAFETY: see the x86_64 version; s2 to s4 are kept by the kernel.
    unsafe {
        core::arch::asm!(
            "ecall",
            "bnez a0, 2f",
            "mv sp, s2",
            "mv a0, s3",
            "jalr s4",
            "ebreak",
            "2:",
            in("a7") number,
            inlateout("a0") a[0] as isize => result,
            in("a1") a[1], in("a2") a[2], in("a3") a[3], in("a4") a[4],
            in("s2") entry.stack_top, in("s3") entry.argument, in("s4") entry.run,
        );
    }
    result
}

/// See the x86_64 version.
///
/// # Safety
/// See the x86_64 version.
#[cfg(target_arch = "arm")]
pub unsafe fn call(number: i64, a: [usize; 6]) -> isize {
    let result;
    // SAFETY: number in r7, which the compiler may use as its frame pointer, so
    // it is put aside in r12 for the one instruction.
    unsafe {
        core::arch::asm!(
            "mov r12, r7",
            "mov r7, r8",
            "svc 0",
            "mov r7, r12",
            in("r8") number as usize,
            inlateout("r0") a[0] as isize => result,
            in("r1") a[1], in("r2") a[2], in("r3") a[3], in("r4") a[4], in("r5") a[5],
            out("r12") _,
            options(nostack),
        );
    }
    result
}

/// See the x86_64 version.
///
/// # Safety
/// See the x86_64 version.
#[cfg(target_arch = "arm")]
pub unsafe fn clone(number: i64, a: [usize; 5], entry: Entry) -> isize {
    let result;
    // SAFETY: see the x86_64 version, and `call` for r7; r5, r9 and r10 are
    // kept by the kernel.
    unsafe {
        core::arch::asm!(
            "mov r12, r7",
            "mov r7, r8",
            "svc 0",
            "mov r7, r12",
            "cmp r0, #0",
            "bne 2f",
            "mov r11, #0",
            "mov sp, r9",
            "mov r0, r10",
            "blx r5",
            "udf #0",
            "2:",
            in("r8") number as usize,
            inlateout("r0") a[0] as isize => result,
            in("r1") a[1], in("r2") a[2], in("r3") a[3], in("r4") a[4],
            in("r9") entry.stack_top, in("r10") entry.argument, in("r5") entry.run,
            out("r12") _,
        );
    }
    result
}

/// The address of a signal handler that does nothing but return. It makes the
/// call itself with which a handler ends, so that nothing of libc is involved.
/// The kernel enters it with its frame on top of the stack.
#[cfg(target_arch = "x86_64")]
pub fn empty_handler() -> usize {
    let address;
    // SAFETY: only an address is computed; the code at it is jumped over. There,
    // 8 bytes of the frame are the return address, and rt_sigreturn is 15.
    unsafe {
        core::arch::asm!(
            "lea {0}, [rip + 2f]",
            "jmp 3f",
            "2:",
            "add rsp, 8",
            "mov eax, 15",
            "syscall",
            "3:",
            out(reg) address,
            options(nomem, nostack, preserves_flags),
        );
    }
    address
}

/// See the x86_64 version.
#[cfg(target_arch = "x86")]
pub fn empty_handler() -> usize {
    let address;
    // SAFETY: as above. `call` is how an address is had here; rt_sigreturn is 173.
    unsafe {
        core::arch::asm!(
            "call 3f",
            "add esp, 4",
            "mov eax, 173",
            "int 0x80",
            "3:",
            "pop {0}",
            out(reg) address,
        );
    }
    address
}

/// See the x86_64 version.
#[cfg(target_arch = "aarch64")]
pub fn empty_handler() -> usize {
    let address;
    // SAFETY: as above; rt_sigreturn is 139.
    unsafe {
        core::arch::asm!(
            "adr {0}, 2f",
            "b 3f",
            "2:",
            "mov x8, #139",
            "svc 0",
            "3:",
            out(reg) address,
            options(nomem, nostack, preserves_flags),
        );
    }
    address
}

/// See the x86_64 version.
#[cfg(target_arch = "riscv64")]
pub fn empty_handler() -> usize {
    let address;
    // SAFETY: as above; rt_sigreturn is 139.
    unsafe {
        core::arch::asm!(
            "lla {0}, 2f",
            "j 3f",
            "2:",
            "li a7, 139",
            "ecall",
            "3:",
            out(reg) address,
            options(nomem, nostack, preserves_flags),
        );
    }
    address
}

/// See the x86_64 version.
#[cfg(target_arch = "arm")]
pub fn empty_handler() -> usize {
    let address;
    // SAFETY: as above; rt_sigreturn is 173. With the lowest bit of the address
    // set, the kernel enters Thumb code.
    unsafe {
        core::arch::asm!(
            "adr {0}, 2f",
            "b 3f",
            ".balign 4",
            "2:",
            "mov r7, #173",
            "svc 0",
            "3:",
            out(reg) address,
            options(nomem, nostack, preserves_flags),
        );
    }
    if cfg!(target_feature = "thumb-mode") { address | 1 } else { address }
}
