import {
  encryptionNotOffered,
  explainRefusal,
  explainStranger,
  versionUnknown,
} from './failures.ts';
import {
  clientFeature,
  firstErrorResponse,
  magicBytes,
  OTA_VERSION_1_0,
  OTA_VERSION_2_0,
  response,
  serverFeature,
} from './protocol.ts';
import type { SessionSteps } from './steps.ts';
import { readAnswer, readBytes, send, type Talk } from './talk.ts';

/** What both sides agreed on in the clear. */
export interface Negotiation {
  readonly version: number;
  readonly clientFeatures: number;
  /** The device understands the extended protocol: an OTA type stands before the size. */
  readonly extended: boolean;
  readonly gzip: boolean;
  readonly checksum: 'md5' | 'sha256';
  readonly partitionAccess: boolean;
  /** The device's flags as they came, 0 without the extended protocol. */
  readonly serverFlags: number;
}

/** Everything that this client knows. Noise is offered only when there is a key for it. */
export function defaultFeatures(hasKey: boolean): number {
  return (
    clientFeature.SUPPORTS_COMPRESSION |
    clientFeature.SUPPORTS_SHA256_AUTH |
    clientFeature.SUPPORTS_EXTENDED_PROTOCOL |
    clientFeature.SUPPORTS_SHA256_CHECKSUM |
    (hasKey ? clientFeature.SUPPORTS_NOISE : 0)
  );
}

/** Greeting and features, steps 1 to 4 of the protocol. */
export function* negotiate(talk: Talk, clientFeatures: number): SessionSteps<Negotiation> {
  yield send(talk, magicBytes);
  const version = yield* readVersion(talk);
  talk.phase = 'features';
  yield send(talk, Uint8Array.of(clientFeatures));
  const mayExtend = (clientFeatures & clientFeature.SUPPORTS_EXTENDED_PROTOCOL) !== 0;
  const answer = yield* readAnswer(
    talk,
    response.HEADER_OK,
    response.SUPPORTS_COMPRESSION,
    ...(mayExtend ? [response.FEATURE_FLAGS] : []),
  );
  const extended = answer === response.FEATURE_FLAGS;
  const [serverFlags = 0] = extended ? yield* readBytes(talk, 1) : [];
  const has = (flag: number): boolean => (serverFlags & flag) !== 0;
  if ((clientFeatures & clientFeature.SUPPORTS_NOISE) !== 0 && !has(serverFeature.SUPPORTS_NOISE)) {
    throw encryptionNotOffered();
  }
  return {
    version,
    clientFeatures,
    extended,
    gzip: answer === response.SUPPORTS_COMPRESSION || has(serverFeature.SUPPORTS_COMPRESSION),
    checksum: has(serverFeature.REQUIRES_SHA256_CHECKSUM) ? 'sha256' : 'md5',
    partitionAccess: has(serverFeature.SUPPORTS_PARTITION_ACCESS),
    serverFlags,
  };
}

/** Enough of a foreign greeting to name who it is. */
const nameableBytes = 8;

/**
 * OK and a version. Until it is clear that the answer is one, it stays in the inbox: whatever else
 * listens on the port is then named by what it said, even when it hangs up.
 */
function* readVersion(talk: Talk): SessionSteps<number> {
  for (;;) {
    const [first, version] = talk.wire.peek();
    if (first === response.OK && version !== undefined) {
      talk.wire.take(2);
      if (version === OTA_VERSION_1_0 || version === OTA_VERSION_2_0) return version;
      throw versionUnknown(version);
    }
    if (first !== undefined && first !== response.OK) {
      const text = Buffer.from(talk.wire.peek()).toString('latin1');
      if (first >= firstErrorResponse && text.length === 1) throw explainRefusal(first, talk.phase);
      if (text.length >= nameableBytes || !/^[\x20-\x7e]+$/.test(text)) throw explainStranger(text);
    }
    yield { kind: 'wait' };
  }
}
