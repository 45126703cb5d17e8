import { startsWith, u8, u16 } from '../bytes.ts';

/** What the linker leaves: it holds debug data and must be converted before it can be flashed. */
export interface ElfFile {
  readonly kind: 'elf';
  readonly sizeBytes: number;
  readonly machine: 'xtensa' | 'riscv' | 'other';
  readonly findings: readonly [];
}

const elfMagic = [0x7f, 0x45, 0x4c, 0x46] as const;
/** `e_machine`: EM_XTENSA and EM_RISCV. */
const machines: Readonly<Record<number, ElfFile['machine']>> = { 94: 'xtensa', 243: 'riscv' };

export function parseElf(bytes: Uint8Array): ElfFile | undefined {
  if (!startsWith(bytes, elfMagic)) return undefined;
  // EI_DATA, byte 5: 1 is little-endian, as all Espressif chips are.
  const machine = u8(bytes, 5) === 1 ? machines[u16(bytes, 18)] : undefined;
  return { kind: 'elf', sizeBytes: bytes.length, machine: machine ?? 'other', findings: [] };
}
