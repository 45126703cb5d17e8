import type { PasswordHash } from './auth.ts';
import { authenticate } from './authenticate.ts';
import { deliver } from './deliver.ts';
import { encrypt } from './encrypt.ts';
import { createInbox } from './inbox.ts';
import { plainLink } from './link.ts';
import { defaultFeatures, negotiate } from './negotiate.ts';
import { otaType } from './protocol.ts';
import type { SessionState, SessionSteps } from './steps.ts';
import type { Talk } from './talk.ts';

export interface SessionOptions {
  /** An empty password is one, too: firmware since 2025.10 asks for it. */
  readonly password?: string;
  /** 32 bytes. With a key nothing but the negotiation travels in the clear. */
  readonly encryptionKey?: Uint8Array;
  /** Unpredictable bytes. */
  readonly random: (sizeBytes: number) => Uint8Array;
  /** Blocks that may be under way without an acknowledgement; 1 is lock step. */
  readonly windowBlocks: number;
  /** The client's feature byte; default everything that this client knows. */
  readonly features?: number;
  /** What the bytes are for, one of `otaType`; default an app. */
  readonly otaType?: number;
}

/** How the session went, for the receipt. */
export interface SessionSummary {
  readonly protocolVersion: number;
  readonly authentication: 'none' | PasswordHash;
  readonly encrypted: boolean;
  readonly gzip: boolean;
  readonly sentBytes: number;
}

/** One upload as a state machine on bytes: no sockets, no clock, no files. */
export interface Session {
  /** Ends with the summary once the device has committed; throws `DeliveryFailure`. */
  readonly steps: SessionSteps<SessionSummary>;
  /** Bytes that arrived, cut anyhow. */
  receive(bytes: Uint8Array): void;
  readonly state: SessionState;
}

/** Starts an upload as a client of ESPHome's native OTA protocol, version 1 or 2. */
export function createSession(options: SessionOptions): Session {
  const wire = createInbox();
  const talk: Talk = { phase: 'greeting', link: plainLink, deliveredBytes: 0, wire };
  return {
    steps: runSession(options, talk),
    receive: (bytes) => wire.push(bytes),
    get state() {
      const strayText = Buffer.from(wire.peek()).toString('latin1');
      return { phase: talk.phase, deliveredBytes: talk.deliveredBytes, strayText };
    },
  };
}

function* runSession(options: SessionOptions, talk: Talk): SessionSteps<SessionSummary> {
  const key = options.encryptionKey;
  const features = options.features ?? defaultFeatures(key !== undefined);
  const agreed = yield* negotiate(talk, features);
  if (key !== undefined) yield* encrypt(talk, agreed, key, options.random);
  const authentication = yield* authenticate(talk, options.password, options.random);
  const sentBytes = yield* deliver(talk, agreed, {
    otaType: options.otaType ?? otaType.UPDATE_APP,
    windowBlocks: options.windowBlocks,
  });
  return {
    protocolVersion: agreed.version,
    authentication,
    encrypted: key !== undefined,
    gzip: agreed.gzip,
    sentBytes,
  };
}
