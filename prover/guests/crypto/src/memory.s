# Copies and fills of memory, in as few instructions as the alignment allows: unrolled, entered by a computed jump.
# The machine has no unaligned words. No instruction here is compressed: jumps count on four bytes each.

  .option push
  .option norvc
  .option norelax

# cwe_memcpy(a0: to, a1: from, a2: length) -> a0
  .globl cwe_memcpy
  .p2align 2
  .type cwe_memcpy,@function
cwe_memcpy:
  or a3, a0, a1
  andi a3, a3, 3
  mv a4, a0
  bnez a3, 20f

# Both at word boundaries: blocks of 16 words.
10:
  li a5, 64
  bltu a2, a5, 12f
11:
  .irp offset, 0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60
  lw t0, \offset(a1)
  sw t0, \offset(a4)
  .endr
  addi a4, a4, 64
  addi a1, a1, 64
  addi a2, a2, -64
  bgeu a2, a5, 11b

# The up to 15 words that are left.
12:
  andi a3, a2, 60
  lla t1, 13f
  slli t2, a3, 1
  sub t1, t1, t2
  jr t1
  .irp offset, 56, 52, 48, 44, 40, 36, 32, 28, 24, 20, 16, 12, 8, 4, 0
  lw t0, \offset(a1)
  sw t0, \offset(a4)
  .endr
13:
  andi a2, a2, 3
  bnez a2, 14f
  ret
14:
  add a4, a4, a3
  add a1, a1, a3

# Up to 24 bytes.
15:
  lla t1, 16f
  slli t2, a2, 3
  sub t1, t1, t2
  jr t1
  .irp offset, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0
  lbu t0, \offset(a1)
  sb t0, \offset(a4)
  .endr
16:
  ret

# Not both at word boundaries: few bytes one by one, for more the target is brought to a boundary first.
20:
  li a5, 24
  bgeu a5, a2, 15b
  andi a3, a4, 1
  beqz a3, 21f
  lbu t0, 0(a1)
  sb t0, 0(a4)
  addi a1, a1, 1
  addi a4, a4, 1
  addi a2, a2, -1
21:
  andi a3, a4, 2
  beqz a3, 22f
  lbu t0, 0(a1)
  lbu t1, 1(a1)
  sb t0, 0(a4)
  sb t1, 1(a4)
  addi a1, a1, 2
  addi a4, a4, 2
  addi a2, a2, -2
22:
  andi t3, a1, 3
  beqz t3, 10b

# Every word comes out of two: t0 holds what is left of the last one read, t3 and t4 are the shifts.
  andi a1, a1, -4
  slli t3, t3, 3
  neg t4, t3
  lw t0, 0(a1)
  srl t0, t0, t3
  li a5, 32
  bltu a2, a5, 24f
23:
  .irp offset, 0, 4, 8, 12, 16, 20, 24, 28
  lw t1, \offset+4(a1)
  sll t2, t1, t4
  or t0, t0, t2
  sw t0, \offset(a4)
  srl t0, t1, t3
  .endr
  addi a4, a4, 32
  addi a1, a1, 32
  addi a2, a2, -32
  bgeu a2, a5, 23b

# The up to seven words that are left.
24:
  andi a3, a2, 28
  add a1, a1, a3
  add a4, a4, a3
  lla t1, 25f
  slli t2, a3, 2
  add t2, t2, a3
  sub t1, t1, t2
  jr t1
  .irp offset, -28, -24, -20, -16, -12, -8, -4
  lw t1, \offset+4(a1)
  sll t2, t1, t4
  or t0, t0, t2
  sw t0, \offset(a4)
  srl t0, t1, t3
  .endr
25:
  andi a2, a2, 3
  bnez a2, 26f
  ret
26:
  srli t3, t3, 3
  add a1, a1, t3
  j 15b
  .size cwe_memcpy, . - cwe_memcpy

# cwe_memset(a0: to, a1: byte, a2: length) -> a0
  .globl cwe_memset
  .p2align 2
  .type cwe_memset,@function
cwe_memset:
  mv a4, a0
  andi a3, a0, 3
  bnez a3, 40f
30:
  andi a1, a1, 255
  slli a3, a1, 8
  or a1, a1, a3
  slli a3, a1, 16
  or a1, a1, a3
  li a5, 64
  bltu a2, a5, 32f
31:
  .irp offset, 0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60
  sw a1, \offset(a4)
  .endr
  addi a4, a4, 64
  addi a2, a2, -64
  bgeu a2, a5, 31b
32:
  andi a3, a2, 60
  lla t1, 33f
  sub t1, t1, a3
  jr t1
  .irp offset, 56, 52, 48, 44, 40, 36, 32, 28, 24, 20, 16, 12, 8, 4, 0
  sw a1, \offset(a4)
  .endr
33:
  andi a2, a2, 3
  add a4, a4, a3
34:
  beqz a2, 35f
  sb a1, 0(a4)
  addi a4, a4, 1
  addi a2, a2, -1
  j 34b
35:
  ret

# Bytes up to a word boundary.
40:
  beqz a2, 35b
  sb a1, 0(a4)
  addi a4, a4, 1
  addi a2, a2, -1
  andi a3, a4, 3
  bnez a3, 40b
  j 30b
  .size cwe_memset, . - cwe_memset

  .option pop
