import { describe, expect, it } from 'vitest';
import { buildImage } from '../../tools/core/image/building/build-image.ts';
import { DeliveryFailure } from '../../tools/core/release/delivery.ts';
import {
  type EsphomeDeviceEvent,
  type EsphomeDeviceOptions,
  startEsphomeDevice,
} from '../../tools/simulator/esphome-device.ts';
import type { EsphomeFault, EsphomeStep } from '../../tools/simulator/faults.ts';
import { type Generation, generations } from '../../tools/simulator/firmware.ts';
import { refusals } from '../../tools/transports/esphome/responses.ts';
import { createEsphomeTransport } from '../../tools/transports/esphome.ts';
import { factsOf, payloadOf, sendContext } from '../support/deliveries.ts';
import { passTime, stopTime, until } from '../support/time.ts';

const image = buildImage({ chip: 'esp32s3', project: 'lamp', version: '1.2.3', sizeBytes: 40_000 });
const transport = createEsphomeTransport({ resolve: async () => ['127.0.0.1'] });
const key = Buffer.alloc(32, 7);
const encryptionKey = key.toString('base64');

interface Setting {
  readonly generation: Generation;
  readonly password: string | undefined;
  readonly encrypted: boolean;
}

/** Every way that firmware in the field can be set up; the checksum comes with the generation. */
const settings: Setting[] = (Object.keys(generations) as Generation[]).flatMap((generation) => [
  { generation, password: undefined, encrypted: false },
  { generation, password: 'secret', encrypted: false },
  ...(generations[generation].noise ? [{ generation, password: undefined, encrypted: true }] : []),
]);

const steps: EsphomeStep[] = [
  'greeting',
  'features',
  'handshake',
  'challenge',
  'verdict',
  'prepared',
  'checksum',
  'acknowledge',
  'received',
  'committed',
];

/** The steps that a session with this setting goes through. */
function stepsOf({ generation, password, encrypted }: Setting): EsphomeStep[] {
  const left = new Set(steps);
  if (!encrypted) left.delete('handshake');
  if (password === undefined || encrypted) left.delete('challenge');
  if (generations[generation].protocolVersion === 1) left.delete('acknowledge');
  return [...left];
}

interface Outcome {
  readonly code: string;
  readonly retryable: boolean;
}

async function outcomeOf(
  setting: Setting,
  fault: EsphomeFault,
  notify: (event: EsphomeDeviceEvent) => void = () => {},
): Promise<Outcome & { readonly updates: number; readonly sessions: number }> {
  const { generation, password, encrypted } = setting;
  const options: EsphomeDeviceOptions = {
    generation,
    faults: [fault],
    notify,
    ...(password === undefined ? {} : { password }),
    ...(encrypted ? { encryption: { key, required: true } } : {}),
  };
  const device = await startEsphomeDevice(options);
  const [delivery] = transport.prepare(
    {},
    {
      artifact: factsOf(image),
      devices: [
        {
          host: 'device',
          port: device.port,
          ...(password === undefined ? {} : { password }),
          ...(encrypted ? { encryptionKey } : {}),
        },
      ],
    },
  );
  try {
    await delivery?.send(payloadOf(image), sendContext({ timeoutMs: 5000 }));
    await device.idle();
    return { code: 'delivered', retryable: false, updates: device.updates, sessions: 1 };
  } catch (error) {
    if (!(error instanceof DeliveryFailure)) throw error;
    expect(error.hint).toBeTypeOf('string');
    await device.idle();
    const { code, retryable } = error;
    return { code, retryable, updates: device.updates, sessions: device.sessions };
  } finally {
    await device.close();
  }
}

const late: readonly EsphomeStep[] = ['received', 'committed'];

function brokenAt(step: EsphomeStep, code: string): Outcome {
  return late.includes(step)
    ? { code: 'device-may-have-committed', retryable: false }
    : { code, retryable: true };
}

describe.each(settings)('$generation, password $password, encrypted $encrypted', (setting) => {
  it('has a verdict for every way of hanging up', async () => {
    for (const does of ['close', 'reset'] as const) {
      const outcomes = await Promise.all(
        stepsOf(setting).map(async (at) => [at, await outcomeOf(setting, { at, does })] as const),
      );
      for (const [at, outcome] of outcomes) {
        // In version 1 everything is under way when the image has left; then nobody knows.
        expect(outcome, `${does} at ${at}`).toMatchObject(brokenAt(at, 'connection-failed'));
        expect(outcome.updates, at).toBe(at === 'committed' ? 1 : 0);
      }
    }
  });

  it('ends in time when the device says nothing more', async () => {
    stopTime();
    let stalled = 0;
    const notify = (event: EsphomeDeviceEvent) => {
      if (event.kind === 'stalled') stalled += 1;
    };
    const running = Promise.all(
      stepsOf(setting).map(
        async (at) => [at, await outcomeOf(setting, { at, does: 'stall' }, notify)] as const,
      ),
    );
    await until(() => stalled === stepsOf(setting).length);
    await passTime(5000);
    const outcomes = await running;
    for (const [at, outcome] of outcomes) {
      expect(outcome, at).toMatchObject(brokenAt(at, 'timeout'));
    }
  });

  it('takes garbage for garbage, and never tries that again', async () => {
    for (const bytes of [Buffer.alloc(80, '\n'), Buffer.from('SSH-2.0-OpenSSH_9.6\r\n')]) {
      const outcomes = await Promise.all(
        stepsOf(setting).map(
          async (at) => [at, await outcomeOf(setting, { at, does: 'garbage', bytes })] as const,
        ),
      );
      for (const [at, outcome] of outcomes) {
        const secret = setting.encrypted && !['greeting', 'features'].includes(at);
        const code = late.includes(at)
          ? 'device-may-have-committed'
          : at === 'greeting'
            ? 'device-wrong-protocol'
            : secret
              ? 'device-encryption-failed'
              : 'device-unexpected-answer';
        expect(outcome, at).toMatchObject({ code, retryable: false });
      }
    }
  });

  it('refuses an answer given twice', async () => {
    const outcomes = await Promise.all(
      stepsOf(setting).map(
        async (at) => [at, await outcomeOf(setting, { at, does: 'extra' })] as const,
      ),
    );
    for (const [at, outcome] of outcomes) {
      if (at === 'committed') expect(outcome.code).toBe('delivered');
      else expect(outcome, at).toMatchObject({ retryable: false });
      if (late.includes(at)) expect(outcome.updates, at).toBe(1);
    }
  });
});

describe('an error answer', () => {
  it.each(refusals)('$name is reported with its remedy at every step', async ({ answer, code }) => {
    const setting = { generation: '2026.10', password: 'secret', encrypted: false } as const;
    const outcomes = await Promise.all(
      stepsOf(setting)
        .filter((step) => step !== 'greeting')
        .map(async (at) => [at, await outcomeOf(setting, { at, does: 'error', answer })] as const),
    );
    for (const [at, outcome] of outcomes) {
      expect(outcome, at).toMatchObject({ retryable: false, updates: 0, sessions: 1 });
      // Two answers mean something else depending on where they stand.
      const special =
        answer === 0x80 || (answer === 0x82 && ['features', 'challenge'].includes(at));
      if (!special) expect(outcome.code, at).toBe(code);
    }
  });
});
