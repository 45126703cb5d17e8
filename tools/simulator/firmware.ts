/** How one generation of ESPHome firmware behaves (reference: sections 1, 4, 5 and 8 of its protocol). */
export interface EsphomeFirmware {
  readonly protocolVersion: 1 | 2;
  /** Challenges: `either` takes SHA-256 when the client can, MD5 otherwise. */
  readonly challenge: 'md5' | 'either' | 'sha256';
  /** Firmware that asks even when its password is empty. */
  readonly asksForEmptyPassword: boolean;
  /** Answers with flags, and reads an OTA type. */
  readonly extended: boolean;
  /** Takes the SHA-256 of the image instead of the MD5 when the client can. */
  readonly sha256Checksum: boolean;
  readonly noise: boolean;
  /** Silence allowed for each message, or for the whole handshake. */
  readonly handshakeLimit: { readonly ms: number | undefined; readonly per: 'message' | 'session' };
  /** Silence allowed while image data is expected; older firmware waits for ever. */
  readonly dataLimitMs: number | undefined;
  /** Bytes that it reads and writes at a time. */
  readonly bufferBytes: number;
  /** Older ESP-IDF builds look at the first byte of the image at once, newer ones at the end. */
  readonly checksFirstByteAtOnce: boolean;
}

const v2024: EsphomeFirmware = {
  protocolVersion: 2,
  challenge: 'md5',
  asksForEmptyPassword: false,
  extended: false,
  sha256Checksum: false,
  noise: false,
  handshakeLimit: { ms: 1000, per: 'message' },
  dataLimitMs: undefined,
  bufferBytes: 1024,
  checksFirstByteAtOnce: true,
};

const v2025: EsphomeFirmware = {
  ...v2024,
  challenge: 'either',
  asksForEmptyPassword: true,
  handshakeLimit: { ms: 20_000, per: 'session' },
  dataLimitMs: 90_000,
};

const v2026: EsphomeFirmware = { ...v2025, challenge: 'sha256', checksFirstByteAtOnce: false };

/** Generations by the release that brought them. `2023` is protocol version 1, selectable until 2024.10. */
export const generations = {
  '2023': { ...v2024, protocolVersion: 1 },
  '2024.10': v2024,
  '2025.10': v2025,
  '2026.1': v2026,
  '2026.5': { ...v2026, extended: true },
  '2026.9': { ...v2026, extended: true, noise: true, dataLimitMs: 105_000, bufferBytes: 1040 },
  '2026.10': {
    ...v2026,
    extended: true,
    noise: true,
    sha256Checksum: true,
    dataLimitMs: 105_000,
    bufferBytes: 1040,
  },
} as const satisfies Record<string, EsphomeFirmware>;

export type Generation = keyof typeof generations;
