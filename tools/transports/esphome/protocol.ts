/**
 * The constants of ESPHome's native OTA protocol, with the protocol's own names (upstream `espota2.py` and
 * `ota_esphome.h`). One byte each unless said; numbers on the wire are big endian.
 */

/** What a client says first. */
export const magicBytes: Uint8Array = Uint8Array.of(0x6c, 0x26, 0xf7, 0x5c, 0x45);

/** Versions of the protocol: version 2 acknowledges every block, version 1 nothing. */
export const OTA_VERSION_1_0 = 1;
export const OTA_VERSION_2_0 = 2;

/** Bits of the client's feature byte. Old firmware looks at the first only. */
export const clientFeature = {
  SUPPORTS_COMPRESSION: 0x01,
  SUPPORTS_SHA256_AUTH: 0x02,
  SUPPORTS_EXTENDED_PROTOCOL: 0x04,
  SUPPORTS_NOISE: 0x08,
  SUPPORTS_SHA256_CHECKSUM: 0x10,
} as const;

/** Bits of the device's flags, the second byte of an extended feature acknowledgement. */
export const serverFeature = {
  SUPPORTS_COMPRESSION: 0x01,
  SUPPORTS_PARTITION_ACCESS: 0x02,
  SUPPORTS_NOISE: 0x04,
  RUNNING_SLOT_1: 0x08,
  REQUIRES_SHA256_CHECKSUM: 0x10,
} as const;

/** What the bytes are for; sent only in the extended protocol. */
export const otaType = { UPDATE_APP: 0x00, UPDATE_PARTITION_TABLE: 0x01, UPDATE_BOOTLOADER: 0x02 };

/** Answers of a device. From 0x80 on they are errors, listed in `responses.ts`. */
export const response = {
  OK: 0x00,
  REQUEST_AUTH: 0x01,
  REQUEST_SHA256_AUTH: 0x02,
  HEADER_OK: 0x40,
  AUTH_OK: 0x41,
  UPDATE_PREPARE_OK: 0x42,
  BIN_MD5_OK: 0x43,
  RECEIVE_OK: 0x44,
  UPDATE_END_OK: 0x45,
  SUPPORTS_COMPRESSION: 0x46,
  CHUNK_OK: 0x47,
  FEATURE_FLAGS: 0x48,
  BIN_SHA256_OK: 0x49,
} as const;

/** The first answer that is an error; all above it are too. */
export const firstErrorResponse = 0x80;

/** Version 2 acknowledges whenever this many more bytes have arrived, and once at the end. */
export const UPLOAD_BLOCK_SIZE = 8192;

/** Noise frames: this byte, a 16-bit length, that many bytes. */
export const NOISE_FRAME_INDICATOR = 0x01;
/** First byte of a handshake frame's payload; anything else is a refusal, and text follows. */
export const NOISE_HANDSHAKE_OK = 0x00;
/** A device decrypts in a buffer of this many bytes and the tag. */
export const NOISE_MAX_PLAINTEXT = 1024;
export const NOISE_PROLOGUE_INIT = 'NoiseOTAInit';
/** The refusal that means another key, or a negotiation that somebody changed on the way. */
export const NOISE_MAC_FAILURE_REASON = 'Handshake MAC failure';

/** How long a device keeps a session that went silent: in the handshake from accept on, then without data. */
export const deviceHandshakeLimitMs = 20_000;
export const deviceDataLimitMs = 105_000;
