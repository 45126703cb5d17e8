import { describe, expect, it, onTestFinished } from 'vitest';
import { buildImage } from '../../tools/core/image/building/build-image.ts';
import type { DeviceTarget } from '../../tools/core/release/delivery.ts';
import { defaultRetryPolicy } from '../../tools/core/retry.ts';
import {
  type EsphomeDevice,
  type EsphomeDeviceOptions,
  startEsphomeDevice,
} from '../../tools/simulator/esphome-device.ts';
import type { EsphomeFault } from '../../tools/simulator/faults.ts';
import { createEsphomeTransport } from '../../tools/transports/esphome.ts';
import { type PushOptions, push } from '../../tools/workflows/push.ts';
import { createFolder } from '../support/temporary-workspace.ts';
import { passTime, stopTime, until } from '../support/time.ts';

const image = buildImage({ chip: 'esp32s3', project: 'lamp', version: '1.2.3', sizeBytes: 40_000 });
const transport = createEsphomeTransport({ resolve: async () => ['127.0.0.1'] });
const key = Buffer.alloc(32, 3).toString('base64');

interface Placed {
  readonly device: EsphomeDevice;
  readonly target: DeviceTarget;
}

async function place(
  name: string,
  options: EsphomeDeviceOptions = {},
  secrets: Partial<DeviceTarget> = {},
): Promise<Placed> {
  const device = await startEsphomeDevice(options);
  onTestFinished(device.close);
  return { device, target: { host: `${name}.local`, name, port: device.port, ...secrets } };
}

async function pushTo(targets: readonly DeviceTarget[], changes: Partial<PushOptions> = {}) {
  const folder = await createFolder({ 'firmware.bin': image });
  const waits: number[] = [];
  const report = await push({
    binaryPath: `${folder}/firmware.bin`,
    manifestPaths: [],
    transport,
    channel: {},
    devices: targets,
    chips: [],
    allow: [],
    dryRun: false,
    policy: defaultRetryPolicy,
    timeoutMs: 10_000,
    concurrency: 8,
    failFast: false,
    env: {},
    signal: new AbortController().signal,
    clock: {
      now: () => new Date(0),
      random: () => 0,
      wait: async (ms) => void waits.push(ms),
    },
    notify: () => {},
    ...changes,
  });
  return { report, waits };
}

const fault = (at: EsphomeFault['at'], does: EsphomeFault['does'], answer = 0) => ({
  faults: [{ at, does, answer }],
});

describe('a push to fifty devices, ten of them in trouble', () => {
  it('reports exactly those ten, each with its cause and remedy, and updates the others', async () => {
    const generations = ['2023', '2024.10', '2025.10', '2026.1', '2026.10'] as const;
    const good = await Promise.all(
      Array.from({ length: 40 }, (_, index) => {
        const generation = generations[index % generations.length] ?? '2026.10';
        return index % 2 === 0
          ? place(`good-${index}`, { generation })
          : place(`good-${index}`, { generation, password: 'x' }, { password: 'x' });
      }),
    );
    const dead = await place('dead');
    await dead.device.close();
    const expected = [
      [dead, 'connection-refused'],
      [await place('locked', { password: 'x' }), 'device-password-missing'],
      [await place('wrong', { password: 'x' }, { password: 'y' }), 'unauthorized'],
      [
        await place('strict', { encryption: { key: Buffer.alloc(32, 9), required: true } }),
        'device-encryption-required',
      ],
      [
        await place('old', { generation: '2024.10' }, { encryptionKey: key }),
        'device-encryption-missing',
      ],
      [await place('full', fault('prepared', 'error', 0x89)), 'device-no-space'],
      [await place('torn', fault(20_000, 'error', 0x83)), 'device-flash-failed'],
      [await place('odd', fault('committed', 'error', 0x8b)), 'device-checksum-mismatch'],
      [await place('lost', fault('committed', 'close')), 'device-may-have-committed'],
      [await place('flaky', fault(20_000, 'reset')), 'connection-failed'],
    ] as const;
    const all = [...good, ...expected.map(([placed]) => placed)];
    const mixed = all.map((_, index) => all[(index * 7) % all.length] as Placed);
    const { report } = await pushTo(mixed.map(({ target }) => target));

    expect(report.ok).toBe(false);
    const failed = report.deliveries.filter(({ status }) => status !== 'delivered');
    const codes = Object.fromEntries(
      failed.map(({ destination, error }) => [destination.split(' ')[0], error?.code]),
    );
    expect(codes).toEqual(
      Object.fromEntries(expected.map(([{ target }, code]) => [target.name, code])),
    );
    for (const { error } of failed) expect(error?.hint).toMatch(/[.?]$/);
    for (const { device } of good) {
      await device.idle();
      expect(device.updates).toBe(1);
    }
  });
});

describe('trying a device again', () => {
  it('waits 1, 2 and 4 seconds while it is not there', async () => {
    const dead = await place('dead');
    await dead.device.close();
    const { report, waits } = await pushTo([dead.target]);
    expect(waits).toEqual([1000, 2000, 4000]);
    expect(report.deliveries[0]).toMatchObject({
      attempts: 4,
      error: { code: 'connection-refused' },
    });
  });

  it('succeeds when a broken connection was bad luck', async () => {
    const flaky = await place('flaky', {
      faults: [{ at: 20_000, does: 'reset', sessions: 2 }],
    });
    const { report, waits } = await pushTo([flaky.target]);
    expect(report.deliveries[0]).toMatchObject({ status: 'delivered', attempts: 3 });
    expect(waits).toEqual([1000, 2000]);
    await flaky.device.idle();
    expect(flaky.device.updates).toBe(1);
  });

  it('waits until a device that fell silent has let go of the session', async () => {
    stopTime();
    let stalled = false;
    const silent = await place('silent', {
      faults: [{ at: 20_000, does: 'stall', sessions: 1 }],
      notify: ({ kind }) => {
        stalled ||= kind === 'stalled';
      },
    });
    const running = pushTo([silent.target], { timeoutMs: 60_000 });
    await until(() => stalled);
    await passTime(60_000);
    const { report, waits } = await running;
    expect(waits).toEqual([45_000]);
    expect(report.deliveries[0]).toMatchObject({ status: 'delivered', attempts: 2 });
  });

  it.each([
    ['an error answer', fault('checksum', 'error', 0x8b)],
    ['a closed connection after the last byte', fault('received', 'close')],
    ['a reset after the last byte', fault('committed', 'reset')],
    ['garbage after the last byte', fault('committed', 'garbage')],
  ])('is not done after %s', async (_what, options) => {
    const { device, target } = await place('once', options);
    const { report, waits } = await pushTo([target]);
    expect(report.ok).toBe(false);
    expect(waits).toEqual([]);
    await device.idle();
    expect(device.sessions).toBe(1);
  });
});
