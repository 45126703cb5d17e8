import { createHash, type Hash } from 'node:crypto';

/** What stands in one app slot. */
export interface SlotContent {
  readonly sizeBytes: number;
  /** Lowercase hex. */
  readonly sha256: string;
  /** Only in a flash that keeps its bytes. */
  readonly bytes?: Buffer;
}

/** An update being written into the slot that does not run. */
export interface FlashWriter {
  /**
   * Takes as long as the flash needs.
   *
   * @param waited whether these bytes were waited for; default yes
   */
  write(bytes: Uint8Array, waited?: boolean): Promise<void>;
  readonly writtenBytes: number;
  /** The first byte written, or undefined. */
  readonly firstByte: number | undefined;
  digest(algorithm: 'md5' | 'sha256'): string;
  /** Makes the slot the one to boot next. */
  commit(): void;
}

/** The flash of a virtual device: two app slots, of which one runs. */
export interface VirtualFlash {
  readonly slotBytes: number;
  readonly runningSlot: 0 | 1;
  readonly slots: readonly [SlotContent | undefined, SlotContent | undefined];
  /** What runs now. */
  readonly running: SlotContent | undefined;
  begin(): FlashWriter;
  /** Whether an update was committed since the last boot. */
  readonly bootsUpdate: boolean;
  /** Boots the slot that was committed last; with `keepOld` the bootloader falls back to the old one. */
  reboot(options?: { readonly keepOld?: boolean }): void;
}

export interface FlashOptions {
  /** Default 1.75 MB, as in a common 4 MB layout. */
  readonly slotBytes?: number;
  /** Keeps what was written, not only its hash. */
  readonly keepsBytes?: boolean;
  /** Default: as fast as the machine. */
  readonly bytesPerSecond?: number;
  /** Sleeps; passed in so that tests own the time. */
  readonly wait?: (ms: number) => Promise<void>;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

/** Naps shorter than this are saved up: a timer is coarser than a page write. */
const shortestNapMs = 2;

/** Creates a flash whose first slot runs an image that nobody sent. */
export function createVirtualFlash(options: FlashOptions = {}): VirtualFlash {
  const slots: [SlotContent | undefined, SlotContent | undefined] = [undefined, undefined];
  let runningSlot: 0 | 1 = 0;
  let bootSlot: 0 | 1 = 0;
  const pace = createPace(options);
  return {
    slotBytes: options.slotBytes ?? 0x1c0000,
    get runningSlot() {
      return runningSlot;
    },
    slots,
    get running() {
      return slots[runningSlot];
    },
    get bootsUpdate() {
      return bootSlot !== runningSlot;
    },
    begin() {
      const target = otherSlot(runningSlot);
      slots[target] = undefined;
      return createWriter(pace, options.keepsBytes === true, (content) => {
        slots[target] = content;
        bootSlot = target;
      });
    },
    reboot({ keepOld = false } = {}) {
      if (!keepOld) runningSlot = bootSlot;
      bootSlot = runningSlot;
    },
  };
}

function createWriter(
  pace: (sizeBytes: number, waited: boolean) => Promise<void>,
  keepsBytes: boolean,
  onCommit: (content: SlotContent) => void,
): FlashWriter {
  const hashes: Record<'md5' | 'sha256', Hash> = {
    md5: createHash('md5'),
    sha256: createHash('sha256'),
  };
  const kept: Uint8Array[] = [];
  let writtenBytes = 0;
  let firstByte: number | undefined;
  const digest = (algorithm: 'md5' | 'sha256') => hashes[algorithm].copy().digest('hex');
  return {
    async write(bytes, waited = true) {
      firstByte ??= bytes[0];
      writtenBytes += bytes.length;
      if (keepsBytes) kept.push(bytes);
      hashes.md5.update(bytes);
      hashes.sha256.update(bytes);
      await pace(bytes.length, waited);
    },
    get writtenBytes() {
      return writtenBytes;
    },
    get firstByte() {
      return firstByte;
    },
    digest,
    commit: () =>
      onCommit({
        sizeBytes: writtenBytes,
        sha256: digest('sha256'),
        ...(keepsBytes ? { bytes: Buffer.concat(kept) } : {}),
      }),
  };
}

/** Makes writes last as long as the flash takes for them, without drifting. */
function createPace({ bytesPerSecond, wait, now }: FlashOptions) {
  if (bytesPerSecond === undefined || wait === undefined || now === undefined) {
    return async () => {};
  }
  let busyUntil = 0;
  return async (sizeBytes: number, waited: boolean): Promise<void> => {
    const start = now();
    // A timer that fires late makes no flash slow: while data waits, it writes without a pause.
    const from = waited ? Math.max(start, busyUntil) : busyUntil;
    busyUntil = from + (sizeBytes / bytesPerSecond) * 1000;
    if (busyUntil - start >= shortestNapMs) await wait(busyUntil - start);
  };
}

function otherSlot(slot: 0 | 1): 0 | 1 {
  return slot === 0 ? 1 : 0;
}
