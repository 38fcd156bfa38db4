# A kernel in small: a few functions, and the tables that a real one has, written by hand. --defsym ALT=12, 13 or 14 chooses
# the layout of .altinstructions, --defsym OLD=1 the dispatcher of v5.10, --defsym MODULE=1 leaves out what a module lacks,
# --defsym NEW=1 is a kernel of v7.3: warnings through a static call, two names for a thunk, masks,
# padding in front of functions; RUNNING=1 is to be read as one that has booted. --defsym ODD=N has N sites of ftrace where no call is.
.ifndef ALT
.set ALT, 14
.endif

.macro fentry
771: call __fentry__
.pushsection __mcount_loc, "a"
.quad 771b
.popsection
.endm

.macro alternative_record feature, len, replacement
.pushsection .altinstructions, "a"
.long 772b - .
.long 773f - .
.if ALT == 14
.long \feature
.else
.short \feature
.endif
.byte \len, \replacement
.if ALT == 13
.byte 0
.endif
.popsection
.endm

# The assembler would make a near jump short; a compiler's stays near, because it does not see the target.
.macro jump target
.byte 0xe9
.long \target - . - 4
.endm

.macro return_thunk
774: jump __x86_return_thunk
.pushsection .return_sites, "a"
.long 774b - .
.popsection
.endm

.ifdef RUNNING
.pushsection .static_call_sites, "aw"
.globl __start_static_call_sites
__start_static_call_sites:
.popsection
.pushsection __jump_table, "aw"
.globl __start___jump_table
__start___jump_table:
.popsection
.endif

.text
.globl _start
.type _start, @function
_start:
.globl busy
.type busy, @function
busy:
fentry
# a static call
775: call __SCT__work
.pushsection .static_call_sites, "aw"
.long 775b - .
.long __SCK__work - .
.popsection
# a static key: a nop whose jump would go to 777
776: .byte 0x0f, 0x1f, 0x44, 0x00, 0x00
.pushsection __jump_table, "aw"
.long 776b - ., 777f - .
.quad key - .
.popsection
777:
# a static key of two bytes
778: .byte 0x66, 0x90
.pushsection __jump_table, "aw"
.long 778b - ., 777b - .
.quad key - .
.popsection
# an alternative: three nops or lfence
772: .byte 0x90, 0x90, 0x90
alternative_record 0x112, 3, 3
.pushsection .altinstr_replacement, "ax"
773: lfence
.popsection
# an alternative that holds an indirect call
772: call __x86_indirect_thunk_rax
alternative_record 0xe9, 5, 2
.pushsection .altinstr_replacement, "ax"
773: call *%rax
.popsection
.pushsection .retpoline_sites, "a"
.long 772b - .
.popsection
# a locked instruction
779: lock incl (%rdi)
.pushsection .smp_locks, "a"
.long 779b - .
.popsection
# a trap
780: ud2
.pushsection __bug_table, "aw"
.long 780b - .
.ifdef NEW
.long file - .
.endif
.long file - .
.short 7, 1
.popsection
# a load whose fault is fixed up
781: mov (%rdi), %eax
.pushsection __ex_table, "a"
.long 781b - ., 782f - ., 1
.popsection
782:
return_thunk
.size busy, . - busy

.ifdef OLD
.globl bpf_dispatcher_xdp_func
.type bpf_dispatcher_xdp_func, @function
bpf_dispatcher_xdp_func:
fentry
783: jump __x86_indirect_thunk_rax
.pushsection .retpoline_sites, "a"
.long 783b - .
.popsection
.size bpf_dispatcher_xdp_func, . - bpf_dispatcher_xdp_func
.else
.globl bpf_dispatcher_xdp_func
.type bpf_dispatcher_xdp_func, @function
bpf_dispatcher_xdp_func:
fentry
.ifdef RUNNING
783: jump __SCT__bpf_dispatcher_xdp_call
.pushsection .static_call_sites, "aw"
.long 783b - .
.long __SCK__bpf_dispatcher_xdp_call + 1 - .
.popsection
.else
783: jump __SCT__work
.pushsection .static_call_sites, "aw"
.long 783b - .
.long __SCK__work + 1 - .
.popsection
.endif
.size bpf_dispatcher_xdp_func, . - bpf_dispatcher_xdp_func
.endif

# a traced function behind endbr64 that can be sealed
.globl guarded
.type guarded, @function
guarded:
784: endbr64
.pushsection .ibt_endbr_seal, "a"
.long 784b - .
.popsection
fentry
return_thunk
.size guarded, . - guarded

.ifdef NEW
# a warning with arguments: the record points in front of the call, or at a jump to where it is
.globl warner
.type warner, @function
warner:
fentry
785: mov $5, %esi
786: call __SCT__WARN_trap
.pushsection .static_call_sites, "aw"
.long 786b - ., __SCK__WARN_trap - .
.popsection
787: jump 785b
.pushsection __bug_table, "aw"
.long 785b - ., file - ., file - .
.short 9, 0x10
.long 787b - ., file - ., file - .
.short 11, 0x10
.popsection
# a mask that is known when the kernel has booted
.byte 0x81, 0xe1
788: .long 0x12345678
.pushsection runtime_mask_made, "a"
.long 788b - .
.popsection
return_thunk
.size warner, . - warner

.ifdef NOINSTR
# two static calls where nothing may be instrumented: one calls what it may, the other traps
.pushsection .noinstr.text, "ax"
.globl quiet
.type quiet, @function
quiet:
793: call __SCT__WARN_trap
794: call __SCT__work
return_thunk
.size quiet, . - quiet
.pushsection .static_call_sites, "aw"
.long 793b - ., __SCK__WARN_trap - .
.long 794b - ., __SCK__work - .
.popsection
.popsection
.endif

# padding in front of a function that begins with a static key
.balign 16
.pushsection __patchable_function_entries, "aw"
.quad 789f
.popsection
789: .skip 16, 0x90
.globl padded
.type padded, @function
padded:
790: .byte 0x66, 0x90
.pushsection __jump_table, "aw"
.long 790b - ., 791f - .
.quad key - .
.popsection
791: return_thunk
.size padded, . - padded
.endif

.ifdef RUNNING
# what a kernel has around its text and its tables, and the dispatcher's static call
.globl bpf_dispatcher_nop_func
.type bpf_dispatcher_nop_func, @function
bpf_dispatcher_nop_func: ret
.balign 4
.globl __SCT__bpf_dispatcher_xdp_call
.type __SCT__bpf_dispatcher_xdp_call, @function
__SCT__bpf_dispatcher_xdp_call: jump bpf_dispatcher_nop_func
.byte 0x0f, 0xb9, 0xcc
.globl _text, _etext
.set _text, _start
.set _etext, last
.pushsection .data, "aw"
.globl __SCK__bpf_dispatcher_xdp_call
.balign 16
__SCK__bpf_dispatcher_xdp_call: .quad bpf_dispatcher_nop_func, 0
.popsection
.pushsection .static_call_sites, "aw"
.globl __stop_static_call_sites
__stop_static_call_sites:
.popsection
.pushsection __jump_table, "aw"
.globl __stop___jump_table
__stop___jump_table:
.popsection
.endif

.ifdef ODD
.globl strange
.type strange, @function
strange:
.rept ODD
.pushsection __mcount_loc, "a"
.quad 792f
.popsection
792: ud2
.endr
.size strange, . - strange
.endif

.ifndef MODULE
.globl __fentry__
.type __fentry__, @function
__fentry__: ret
.size __fentry__, . - __fentry__
.globl __x86_return_thunk
.type __x86_return_thunk, @function
__x86_return_thunk: ret
.ifdef NEW
.globl __pi___x86_return_thunk
.type __pi___x86_return_thunk, @function
.set __pi___x86_return_thunk, __x86_return_thunk
.balign 4
.globl __SCT__WARN_trap
.type __SCT__WARN_trap, @function
__SCT__WARN_trap: jump guarded
.byte 0x0f, 0xb9, 0xcc
.size __SCT__WARN_trap, . - __SCT__WARN_trap
.endif
.size __x86_return_thunk, . - __x86_return_thunk
.globl __x86_indirect_thunk_rax
.type __x86_indirect_thunk_rax, @function
__x86_indirect_thunk_rax: jmp *%rax
.size __x86_indirect_thunk_rax, . - __x86_indirect_thunk_rax
.balign 4
.globl __SCT__work
.type __SCT__work, @function
__SCT__work: jump guarded
.byte 0x0f, 0xb9, 0xcc
.size __SCT__work, . - __SCT__work

last:
# found by the symbols around it, as in a vmlinux
.section .init.data, "aw"
.globl __start_kprobe_blacklist, __stop_kprobe_blacklist
__start_kprobe_blacklist:
.quad guarded
__stop_kprobe_blacklist:
.section .rodata, "a"
.globl linux_banner
.type linux_banner, @object
linux_banner: .asciz "Linux version 6.1.0-made (nobody@nowhere) #1 SMP\n"
.size linux_banner, . - linux_banner
.section .data, "aw"
.ifdef NEW
.globl __SCK__WARN_trap
.balign 16
__SCK__WARN_trap: .quad guarded, 0
.endif
.globl __SCK__work
.type __SCK__work, @object
.balign 16
__SCK__work: .quad guarded, 0
.else
.section .modinfo, "a"
.asciz "license=GPL"
.asciz "vermagic=6.1.0-made SMP mod_unload "
.endif

.section .data, "aw"
.balign 8
key: .quad 0, 0
.section .rodata, "a"
file: .asciz "made.c"
.section .note.GNU-stack, "", @progbits
