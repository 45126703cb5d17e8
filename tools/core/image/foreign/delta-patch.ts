import { hex, startsWith, u8 } from '../bytes.ts';
import { isHeatshrinkStart } from './heatshrink.ts';
import { readVarint } from './varint.ts';

/** `esp_delta_ota_patch_gen.py`: u32 0xFCCDDE10, little-endian. */
const espressifMagic = [0x10, 0xde, 0xcd, 0xfc] as const;
const espressifHeaderBytes = 64;

const patchTypes = ['sequential', 'in-place', 'hdiffpatch'] as const;
const compressions = ['none', 'lzma', 'crle', 'bz2', 'heatshrink', 'zstd', 'lz4'] as const;

/** Streams announce themselves; `none` and `crle` do not and are told by their content. */
const streamMagic: Partial<Record<(typeof compressions)[number], readonly number[]>> = {
  lzma: [0x5d, 0x00, 0x00],
  bz2: [0x42, 0x5a, 0x68],
  zstd: [0x28, 0xb5, 0x2f, 0xfd],
  lz4: [0x04, 0x22, 0x4d, 0x18],
};

/** A detools patch, alone or in Espressif's container. It turns one exact image into another. */
export interface DeltaPatch {
  readonly kind: 'delta-patch';
  readonly sizeBytes: number;
  readonly container: 'espressif' | 'detools';
  readonly patchType: (typeof patchTypes)[number] | undefined;
  readonly compression: (typeof compressions)[number] | undefined;
  /** Size of the image that the patch makes. */
  readonly targetBytes: number | undefined;
  /** Appended SHA-256 of the image that the patch applies to, lowercase hex; only in the container. */
  readonly baseValidationHash: string | undefined;
  readonly findings: readonly [];
}

type PatchHead = Pick<DeltaPatch, 'patchType' | 'compression' | 'targetBytes'>;

/** Espressif's container, known by its magic. */
export function parseDeltaContainer(bytes: Uint8Array): DeltaPatch | undefined {
  if (bytes.length < espressifHeaderBytes || !startsWith(bytes, espressifMagic)) return undefined;
  const unknown = { patchType: undefined, compression: undefined, targetBytes: undefined };
  return {
    kind: 'delta-patch',
    sizeBytes: bytes.length,
    container: 'espressif',
    ...(parseHead(bytes, espressifHeaderBytes) ?? unknown),
    baseValidationHash: hex(bytes.subarray(4, 36)),
    findings: [],
  };
}

/** A bare patch. Its first byte is no magic, so the start of its content must make sense as well. */
export function parseDetoolsPatch(bytes: Uint8Array): DeltaPatch | undefined {
  const head = parseHead(bytes, 0);
  if (head === undefined) return undefined;
  return {
    kind: 'delta-patch',
    sizeBytes: bytes.length,
    container: 'detools',
    ...head,
    baseValidationHash: undefined,
    findings: [],
  };
}

/** Smaller and larger targets are no firmware. */
const [leastTargetBytes, mostTargetBytes] = [256, 0x10000000];

function parseHead(bytes: Uint8Array, offset: number): PatchHead | undefined {
  const first = u8(bytes, offset);
  const patchType = first < 0x80 ? patchTypes[first >> 4] : undefined;
  const compression = compressions[first & 0xf];
  const target = readVarint(bytes, offset + 1);
  if (patchType === undefined || compression === undefined || target === undefined)
    return undefined;
  if (target.value < leastTargetBytes || target.value > mostTargetBytes) return undefined;
  const content = bytes.subarray(target.end);
  const magic = streamMagic[compression];
  const fits =
    magic !== undefined
      ? startsWith(content, magic)
      : compression === 'heatshrink'
        ? isHeatshrinkStart(content, target.value)
        : compression === 'none' && patchType === 'sequential'
          ? isPlainPatch(content, target.value)
          : false;
  return fits ? { patchType, compression, targetBytes: target.value } : undefined;
}

/** Walks an uncompressed patch: diff and extra chunks must add up to exactly the target. */
function isPlainPatch(content: Uint8Array, targetBytes: number): boolean {
  const dataPatch = readVarint(content, 0);
  if (dataPatch?.value !== 0) return false;
  let at = dataPatch.end;
  let produced = 0;
  while (produced < targetBytes) {
    for (const part of ['diff', 'extra'] as const) {
      const length = readVarint(content, at);
      if (length === undefined || length.value < 0) return false;
      at = length.end + length.value;
      produced += length.value;
      if (at > content.length || (part === 'diff' && length.value === 0 && produced === 0)) {
        return false;
      }
    }
    const adjustment = readVarint(content, at);
    if (produced < targetBytes && adjustment === undefined) return false;
    at = adjustment?.end ?? at;
  }
  return produced === targetBytes;
}
