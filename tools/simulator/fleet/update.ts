import { setTimeout as sleep } from 'node:timers/promises';
import { createDownload, type DownloadOptions, PowerCut } from './download.ts';
import type { Machine } from './machine.ts';
import { hasFault } from './profile.ts';
import type { Reporter } from './report.ts';
import type { BootImage } from './slots.ts';
import type { Offer } from './source.ts';

export type UpdaterOptions = DownloadOptions;

/** Brings an offered image into the other slot, boots it and tries it. */
export interface Updater {
  /** Ends with the new version running, or with the old one after a failed trial. Throws when it comes to no boot. */
  install(offer: Offer): Promise<void>;
  /** Runs what stands in the other slot. */
  goBack(): Promise<void>;
}

export function createUpdater(
  options: UpdaterOptions,
  machine: Machine,
  report: Reporter,
): Updater {
  const { profile, fault, signal } = options;
  const download = createDownload(options, machine, report);

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
