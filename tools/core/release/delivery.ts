import type { Readable } from 'node:stream';
import type { ErrorCode } from '../error-codes.ts';
import { OtaError, type OtaErrorOptions } from '../errors.ts';
import type { Audience } from '../fleet/offers/rollout-audience.ts';
import type { RolloutOutcome } from '../fleet/offers/rollout-start.ts';

/** What a transport may know about the release and the artifact that it carries. */
export interface ArtifactFacts {
  readonly product: string;
  readonly hardware: string;
  readonly version: string;
  /** The artifact's display name. */
  readonly artifact: string;
  readonly filename: string;
  readonly sizeBytes: number;
  /** Lowercase hex of the file's SHA-256. */
  readonly sha256: string;
  /** Base64 of the signature in `<filename>.sig`; only of a signed release. */
  readonly signature?: string;
}

/** A device that is reached by address, one by one. */
export interface DeviceTarget {
  readonly host: string;
  readonly name?: string;
  readonly port?: number;
  readonly password?: string;
  /** Noise pre-shared key, base64 of 32 bytes. */
  readonly encryptionKey?: string;
}

/** Whom a delivery plan addresses. Transports that talk to a server ignore `devices`. */
export interface Targets {
  readonly artifact: ArtifactFacts;
  readonly devices: readonly DeviceTarget[];
  /** Whom the other side is to offer the release to. Only for transports with `startsRollouts`. */
  readonly rollout?: Audience;
}

/** The bytes of one artifact, verified before they are handed out. */
export interface Payload {
  readonly facts: ArtifactFacts;
  /** A new stream from the first byte; every attempt opens its own. Large chunks (256 KiB) send faster. */
  stream(): Readable;
  /** All bytes at once, for protocols that need one message. */
  bytes(): Promise<Uint8Array>;
}

export interface SendContext {
  readonly signal: AbortSignal;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** Overrides the channel's own timeout, in milliseconds. */
  readonly timeoutMs?: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative paths in a channel's settings (`ca`, `cert`, `key`) start here: the manifest's folder. */
  readonly cwd: string;
  now(): Date;
  /** In the interval [0, 1). */
  random(): number;
  /** Sleeps by the clock of `now`; rejects when the signal is aborted. Default: the real one. */
  sleep?(ms: number, signal: AbortSignal): Promise<void>;
  /** Bytes handed to the network so far, in this attempt. */
  onProgress(sentBytes: number): void;
}

/** What a delivery that succeeded has to tell. */
export interface Receipt {
  readonly sentBytes: number;
  /** Things that did not fail but deserve a look, such as "no matching subscribers". */
  readonly warnings: readonly string[];
  /** The other side's answer in a few words, when it gave one. */
  readonly answer?: string;
  /** What became of the rollout that was asked for. */
  readonly rollout?: StartedRollout;
}

/** A rollout as the other side has it now. */
export interface StartedRollout {
  readonly name: string;
  readonly outcome: RolloutOutcome;
  readonly state: string;
  /** As `formatAudience` writes it; a long list is cut. */
  readonly audience: string;
}

/** One artifact on its way to one destination. Nothing has happened until `send`. */
export interface Delivery {
  /** For people to read; never holds a secret. */
  readonly destination: string;
  /** The settings in force, defaults included, fit to be shown: secrets are masked. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Throws `DeliveryFailure`, or `OtaError('cancelled')` when the signal is aborted. */
  send(payload: Payload, context: SendContext): Promise<Receipt>;
  /**
   * Takes back what others keep of an earlier `send`, unless something else has taken its place; only where anything is
   * kept. Throws as `send` does.
   */
  clear?(context: SendContext): Promise<Receipt>;
}

/** A way to reach devices. `prepare` does no I/O: it is what `--dry-run` runs. */
export interface Transport {
  /** The key under `channels` in a manifest. */
  readonly name: string;
  readonly summary: string;
  /** A channel that is valid and holds no secret: for documentation, the smoke test and the contract suite. */
  readonly example: Readonly<Record<string, unknown>>;
  /** Reaches devices one by one: without devices in a plan it has nothing to do. */
  readonly perDevice?: true;
  /**
   * Set where the other side can keep rollouts: then `prepare` takes `targets.rollout` (and throws
   * `OtaError('rollout-unsupported')` when the channel leads to a server that cannot), and a receipt says what
   * became of it. The others are never asked.
   */
  readonly startsRollouts?: true;
  /** Throws `OtaError('channel-invalid')` with all problems of the channel's settings. */
  prepare(channel: unknown, targets: Targets): Delivery[];
}

export interface DeliveryFailureOptions extends OtaErrorOptions {
  /** Whether the same attempt may be made again. Only the transport knows. */
  readonly retryable: boolean;
  /** The other side asked to wait this long. */
  readonly retryAfterMs?: number;
  readonly sentBytes?: number;
}

/** A delivery that did not work, with the transport's word on whether to try again. */
export class DeliveryFailure extends OtaError {
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly sentBytes: number;

  constructor(code: ErrorCode, message: string, options: DeliveryFailureOptions) {
    super(code, message, options);
    this.name = 'DeliveryFailure';
    this.retryable = options.retryable;
    this.retryAfterMs = options.retryAfterMs;
    this.sentBytes = options.sentBytes ?? 0;
  }
}
