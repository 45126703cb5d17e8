import { alignUp, isFilledWith, u32 } from '../bytes.ts';
import { hexNumber, type ImageFinding } from '../finding.ts';
import { parseSignatureBlock, type SignatureBlock, signatureBlockBytes } from './block.ts';

/** Secure Boot V2: one flash sector with up to three blocks. */
export interface SecureBootV2Signature {
  readonly scheme: 'secure-boot-v2';
  /** Of the sector; all bytes before it are signed, the FF gap behind the image included. */
  readonly fileOffset: number;
  readonly blocks: readonly SignatureBlock[];
}

/** Secure Boot V1 (first ESP32): a bare ECDSA signature without its key, so it cannot be verified here. */
export interface SecureBootV1Signature {
  readonly scheme: 'secure-boot-v1';
  readonly fileOffset: number;
}

export type ImageSignature = SecureBootV1Signature | SecureBootV2Signature;

const sectorBytes = 4096;
const maxBlocks = 3;
/** u32 version (0), then r and s of 32 bytes each. */
const v1TrailerBytes = 68;
/** `--secure-pad` fills the block of 16 bytes behind the trailer. */
const v1PaddingBytes = 12;

interface SignatureReading {
  readonly signature: ImageSignature | undefined;
  /** Behind the signature, or behind the image when there is none. */
  readonly end: number;
  readonly problem?: ImageFinding;
}

/** Looks for a signature behind an image that ends at `imageEnd`. */
export function parseSignature(bytes: Uint8Array, imageEnd: number): SignatureReading {
  return (
    parseV2(bytes, alignUp(imageEnd, sectorBytes)) ??
    parseV1(bytes, imageEnd) ?? { signature: undefined, end: imageEnd }
  );
}

function parseV2(bytes: Uint8Array, sector: number): SignatureReading | undefined {
  if (sector + sectorBytes > bytes.length) return undefined;
  const payload = bytes.subarray(0, sector);
  const blocks: SignatureBlock[] = [];
  let problem: ImageFinding | undefined;
  for (let index = 0; index < maxBlocks && problem === undefined; index += 1) {
    const offset = sector + index * signatureBlockBytes;
    const block = bytes.subarray(offset, offset + signatureBlockBytes);
    const parsed = parseSignatureBlock(block, payload, index);
    if (parsed !== undefined) {
      blocks.push(parsed);
      // The boot ROM stops at the first block that is not whole.
      if (parsed.crc === 'invalid') break;
    } else if (blocks.length === 0 || isFilledWith(block, 0xff)) {
      break;
    } else {
      problem = {
        code: 'signature-block',
        severity: 'warning',
        message: `signature block ${index} at ${hexNumber(offset)} is neither blank nor of a known kind`,
      };
    }
  }
  if (blocks.length === 0) return undefined;
  return {
    signature: { scheme: 'secure-boot-v2', fileOffset: sector, blocks },
    end: sector + sectorBytes,
    ...(problem === undefined ? {} : { problem }),
  };
}

function parseV1(bytes: Uint8Array, offset: number): SignatureReading | undefined {
  const end = offset + v1TrailerBytes;
  if (end > bytes.length || u32(bytes, offset) !== 0) return undefined;
  const blank = isFilledWith(bytes, 0, offset, end) || isFilledWith(bytes, 0xff, offset + 4, end);
  // Nothing names this trailer, so what follows must be padding.
  const rest = bytes.length - end;
  const padded =
    isFilledWith(bytes, 0xff, end) || (rest <= v1PaddingBytes && isFilledWith(bytes, 0, end));
  if (blank || !(padded || rest === v1PaddingBytes)) return undefined;
  return {
    signature: { scheme: 'secure-boot-v1', fileOffset: offset },
    end: rest === v1PaddingBytes ? end + v1PaddingBytes : end,
  };
}
