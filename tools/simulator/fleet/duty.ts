import type { Command } from '../../core/fleet/commands/command.ts';
import type { BrokerClient } from '../../transports/mqtt/connection/client.ts';
import { DeviceError } from './device-error.ts';
import type { Machine } from './machine.ts';
import type { Reporter } from './report.ts';
import type { BootImage } from './slots.ts';
import { type FirmwareSource, type Offer, refusalOf, upToDate } from './source.ts';
import { createUpdater, type UpdaterOptions } from './update.ts';

export interface DutyOptions extends UpdaterOptions {
  sourceOf(client: () => BrokerClient): FirmwareSource;
}

/** What a device does when it is told to, or finds an offer. */
export interface Duty {
  obey(command: Command): Promise<void>;
  /** Takes an offer that came by itself, if it is one to take. */
  consider(offer: Offer): Promise<void>;
}

export function createDuty(options: DutyOptions, machine: Machine, report: Reporter): Duty {
  const updater = createUpdater(options, machine, report);
  const source = options.sourceOf(() => machine.client);
  /** Images that did not stand their trial: an offer that stands would bring them again after every boot. */
  const givenUp = new Set<string>();

  async function update(force: boolean): Promise<void> {
    const offer = await source.look(options.signal);
    const refusal = force ? undefined : refusalOf(offer, machine.slots.running.version);
    report.offered(refusal === undefined ? offer.expected.version : '');
    if (refusal === upToDate) return await report.say('idle', refusal);
    if (refusal !== undefined) throw new DeviceError('ESP_ERR_INVALID_VERSION', refusal);
    await updater.install(offer);
  }

  async function check(): Promise<void> {
    const offer = await source.look(options.signal);
    const refusal = refusalOf(offer, machine.slots.running.version);
    report.offered(refusal === undefined ? offer.expected.version : '');
    await report.say('idle', refusal ?? `Version ${offer.expected.version} is available`);
  }

  return {
    async obey({ commandId, action, force }) {
      report.answer(commandId);
      if (action === 'status') return await report.say('idle', 'status');
      if (action === 'rollback') return await updater.goBack();
      await report.say('checking', 'Checking for updates');
      await (action === 'check' ? check() : update(force));
    },
    async consider(offer) {
      const image = JSON.stringify(offer.expected);
      const { running } = machine.slots;
      const refusal = givenUp.has(image)
        ? 'the image did not stand its trial'
        : refusalOf(offer, running.version);
      if (refusal === upToDate && isBuild(running, offer)) return offer.decline?.(undefined);
      if (refusal !== undefined) return offer.decline?.(refusal);
      if ((await updater.install(offer)) === 'given_up') givenUp.add(image);
    },
  };
}

/** Whether it can be the image that is offered, and not another one under the same version. */
function isBuild({ sha256 }: BootImage, { expected }: Offer): boolean {
  return sha256 === undefined || expected.sha256 === undefined || sha256 === expected.sha256;
}
