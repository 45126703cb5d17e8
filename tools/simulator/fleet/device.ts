import { parseCommand } from '../../core/fleet/commands/command.ts';
import type { BrokerClient } from '../../transports/mqtt/connection/client.ts';
import { createDuty, type DutyOptions } from './duty.ts';
import { createMachine, type MachineOptions } from './machine.ts';
import { hasFault } from './profile.ts';
import { createReporter, type ReporterOptions } from './report.ts';
import type { Offer } from './source.ts';

export interface DeviceOptions extends MachineOptions, ReporterOptions, DutyOptions {
  /** Listens for offers that come by themselves; called after every connection. */
  listen?(client: BrokerClient, take: (offer: Offer) => void): Promise<void>;
}

/** One device: what runs, what is being done. */
export interface VirtualDevice {
  readonly name: string;
  readonly runningVersion: string;
  /** Resolves when the device is not in the middle of anything. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/** Boots a device: it connects, says what it runs, and waits for commands and offers. */
export async function startDevice(options: DeviceOptions): Promise<VirtualDevice> {
  const { profile, name, fault } = options;
  const machine = createMachine(options, listen);
  const report = createReporter(options, machine);
  const duty = createDuty(options, machine, report);
  const jobs = createJobs(report.fail);
  const commandTopic = profile.commandTopic.expand({ device: name });

  async function listen(client: BrokerClient): Promise<void> {
    await options.listen?.(client, (offer) => {
      if (!hasFault(fault, 'silent')) jobs.add(() => duty.consider(offer));
    });
    await client.subscribe(commandTopic, 1, ({ payload, retained }) => {
      const command = parseCommand(payload);
      if (typeof command === 'string' || retained || hasFault(fault, 'silent')) return;
      jobs.add(() => duty.obey(command));
    });
  }

  try {
    await machine.powerOn();
    await report.say('idle', 'Ready');
  } catch (error) {
    await machine.close();
    throw error;
  }
  jobs.begin();
  return {
    name,
    get runningVersion() {
      return machine.slots.running.version;
    },
    idle: jobs.idle,
    close: machine.close,
  };
}

/** Work that waits for its turn: a device does one thing at a time. */
interface Jobs {
  add(job: () => Promise<void>): void;
  /** Until then jobs wait. */
  begin(): void;
  /** Resolves when nothing is being done, and nothing waits. */
  idle(): Promise<void>;
}

function createJobs(fail: (error: unknown) => Promise<void>): Jobs {
  let begin = () => {};
  let work = new Promise<void>((resolve) => {
    begin = resolve;
  });
  return {
    add(job) {
      work = work
        .then(job)
        .catch(fail)
        .catch(() => {}); // nobody listens any more
    },
    begin: () => begin(),
    async idle() {
      for (let seen: Promise<void> | undefined; seen !== work; ) {
        seen = work;
        await seen;
      }
    },
  };
}
