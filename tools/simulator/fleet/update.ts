import { setTimeout as sleep } from 'node:timers/promises';
import type { PublicKey } from '../../core/signing/key.ts';
import { DeviceError } from './device-error.ts';
import type { Machine } from './machine.ts';
import { type Fault, type FleetProfile, hasFault } from './profile.ts';
import type { Reporter } from './report.ts';
import type { BootImage } from './slots.ts';
import type { Offer } from './source.ts';
import { type ExpectedImage, openSlot } from './update-slot.ts';

export interface UpdaterOptions {
  readonly profile: FleetProfile;
  readonly fault?: Fault;
  /** Whose signature an image must have; without any, none is asked for. */
  readonly keys: readonly PublicKey[];
  readonly signal: AbortSignal;
}

/** Brings an offered image into the other slot, boots it and tries it. */
export interface Updater {
  /** Ends with the new version running, or with the old one after a failed trial. Throws when it comes to no boot. */
  install(offer: Offer): Promise<void>;
  /** Runs what stands in the other slot. */
  goBack(): Promise<void>;
}

export function createUpdater(
  { profile, fault, keys, signal }: UpdaterOptions,
  machine: Machine,
  report: Reporter,
): Updater {
  const interruption = createInterruption(fault, machine);

  async function install(offer: Offer): Promise<void> {
    let image: BootImage;
    try {
      image = await download(offer);
    } catch (error) {
      if (error instanceof PowerCut) return await install(offer);
      await offer.decline?.(error instanceof Error ? error.message : String(error));
      throw error;
    }
    await report.say('installing', 'Installing', { progress: 100 });
    await report.say('success', 'Update written, restarting', { progress: 100 });
    if (hasFault(fault, 'old_image')) {
      await machine.restart();
      return await report.say('idle', 'Ready');
    }
    await machine.bootNew(image);
    await tryOut();
  }

  async function download(offer: Offer): Promise<BootImage> {
    const expected = hasFault(fault, 'bad_signature') ? spoil(offer.expected) : offer.expected;
    const { slotBytes } = profile;
    const { secureVersion } = machine.slots;
    const damage = hasFault(fault, 'bad_hash');
    const slot = openSlot(expected, { slotBytes, keys, secureVersion, damage });
    machine.slots.eraseOther();
    const total = expected.sizeBytes ?? slotBytes;
    let told = -1;
    const tell = async () => {
      const progress = Math.min(100, Math.floor((slot.receivedBytes * 10) / total) * 10);
      if (progress <= told) return;
      const interrupted = fault !== undefined && told < fault.percent && progress >= fault.percent;
      told = progress;
      await report.say('downloading', 'Downloading firmware update', { progress });
      if (hasFault(fault, 'slow')) await sleep(fault?.delayMs, undefined, { signal });
      if (interrupted) await interruption();
    };
    await tell();
    await offer.fetch(slot, tell, signal);
    return slot.finish();
  }

  async function tryOut(): Promise<void> {
    await report.say('idle', 'Self-test');
    await sleep(profile.selfTestMs, undefined, { signal });
    if (hasFault(fault, 'self_test')) {
      await machine.rollBack();
      const error = 'ESP_ERR_OTA_ROLLBACK_FAILED';
      return await report.say('rolled_back', 'Self-test failed', { error });
    }
    machine.slots.confirm();
    report.offered('');
    await report.say('idle', 'Ready');
  }

  async function goBack(): Promise<void> {
    await report.say('rolled_back', `Going back to ${machine.rollbackTarget().version}`);
    await machine.rollBack();
    await report.say('idle', 'Ready');
  }

  return { install, goBack };
}

/** What happens in the middle of a download: every time to a broken flash, once to everything else. */
function createInterruption(fault: Fault | undefined, machine: Machine): () => Promise<void> {
  let happened = false;
  return async () => {
    if (hasFault(fault, 'fail_at')) {
      throw new DeviceError('ESP_ERR_FLASH_OP_FAIL', 'a flash sector is broken');
    }
    if (happened) return;
    happened = true;
    if (hasFault(fault, 'disconnect')) machine.client.reconnect();
    if (hasFault(fault, 'power_cut')) {
      await machine.restart();
      throw new PowerCut('power cut');
    }
  };
}

/** Flips a bit of the signature on its way. */
function spoil({ signature, ...expected }: ExpectedImage): ExpectedImage {
  if (signature === undefined) return expected;
  const bytes = Buffer.from(signature, 'base64');
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  return { ...expected, signature: bytes.toString('base64') };
}

/** The lights went out in the middle of a download; after the boot it begins again. */
class PowerCut extends Error {}
