import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { OtaError } from '../../tools/core/errors.ts';
import { DeliveryFailure, type Payload } from '../../tools/core/release/delivery.ts';
import type { PlannedDelivery } from '../../tools/core/release/deploy-plan.ts';
import { defaultRetryPolicy } from '../../tools/core/retry.ts';
import {
  type DeliverOptions,
  type DeliveryEvent,
  deliverAll,
} from '../../tools/workflows/deliver.ts';

const artifact = {
  product: 'p',
  hardware: 'esp32',
  version: '1',
  artifact: 'a',
  filename: 'a.bin',
  sizeBytes: 3,
  sha256: '00',
};

const payload: Payload = {
  facts: artifact,
  stream: () => Readable.from([Buffer.from('abc')]),
  bytes: async () => Buffer.from('abc'),
};

function createStep(name: string, send: PlannedDelivery['send']): PlannedDelivery {
  return {
    transport: name,
    artifact,
    destination: name,
    settings: {},
    send,
    redact: (text) => text.replaceAll('secret', '***'),
  };
}

const good = async () => ({ sentBytes: 3, warnings: ['no secret'], answer: 'fine' });

const failing = (retryable: boolean, retryAfterMs?: number) => async () => {
  throw new DeliveryFailure('http-status', 'the secret server said no', {
    retryable,
    hint: 'Look at the secret.',
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
};

interface Run extends DeliverOptions {
  readonly waits: number[];
  readonly events: string[];
}

function createRun(changes: Partial<DeliverOptions> = {}): Run {
  const waits: number[] = [];
  const events: string[] = [];
  let nowMs = 0;
  return {
    policy: defaultRetryPolicy,
    concurrency: 1,
    failFast: false,
    env: {},
    cwd: '.',
    signal: new AbortController().signal,
    clock: {
      now: () => new Date(nowMs),
      random: () => 0,
      async wait(ms) {
        waits.push(ms);
        nowMs += ms;
      },
    },
    attempt: (step, context) => step.send(payload, context),
    notify: (event: DeliveryEvent) => events.push(`${event.step.transport} ${event.type}`),
    waits,
    events,
    ...changes,
  };
}

describe('delivering', () => {
  it('reports what arrived, secrets hidden', async () => {
    const [report] = await deliverAll([createStep('a', good)], createRun());
    expect(report).toMatchObject({
      status: 'delivered',
      attempts: 1,
      sent_bytes: 3,
      warnings: ['no ***'],
      answer: 'fine',
    });
  });

  it('tries again after 1, 2 and 4 seconds, and counts the attempts', async () => {
    const run = createRun();
    const [report] = await deliverAll([createStep('a', failing(true))], run);
    expect(run.waits).toEqual([1000, 2000, 4000]);
    expect(report).toMatchObject({
      status: 'failed',
      attempts: 4,
      seconds: 7,
      error: { code: 'http-status', message: 'the *** server said no', hint: 'Look at the ***.' },
    });
  });

  it('succeeds when a later attempt does', async () => {
    let attempts = 0;
    const step = createStep('a', async (_payload, { attempt }) => {
      attempts = attempt;
      return attempt < 3 ? failing(true)() : good();
    });
    expect((await deliverAll([step], createRun()))[0]).toMatchObject({
      status: 'delivered',
      attempts: 3,
    });
    expect(attempts).toBe(3);
  });

  it('never repeats what the transport says must not be repeated', async () => {
    const run = createRun();
    const [report] = await deliverAll([createStep('a', failing(false))], run);
    expect(report).toMatchObject({ status: 'failed', attempts: 1 });
    expect(run.waits).toEqual([]);
  });

  it('waits as long as the other side asks', async () => {
    const run = createRun({ policy: { ...defaultRetryPolicy, retries: 1 } });
    await deliverAll([createStep('a', failing(true, 9000))], run);
    expect(run.waits).toEqual([9000]);
  });

  it('goes on after a failure, and reports in the order of the plan', async () => {
    const steps = [createStep('a', failing(false)), createStep('b', good)];
    const reports = await deliverAll(steps, createRun());
    expect(reports.map(({ transport, status }) => [transport, status])).toEqual([
      ['a', 'failed'],
      ['b', 'delivered'],
    ]);
  });

  it('stops at the first failure when asked to, and says what was not tried', async () => {
    const steps = [createStep('a', failing(false)), createStep('b', good)];
    const reports = await deliverAll(steps, createRun({ failFast: true }));
    expect(reports.map(({ status }) => status)).toEqual(['failed', 'skipped']);
  });

  it('keeps as many under way as allowed, and no more', async () => {
    let underWay = 0;
    let most = 0;
    const step = createStep('a', async () => {
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay -= 1;
      return good();
    });
    await deliverAll(
      Array.from({ length: 9 }, () => step),
      createRun({ concurrency: 3 }),
    );
    expect(most).toBe(3);
  });

  it('ends at once when it is cancelled, and tells what was sent before', async () => {
    const interrupt = new AbortController();
    const stuck = createStep('b', async (_payload, { signal, onProgress }) => {
      onProgress(2);
      queueMicrotask(() => interrupt.abort());
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      throw new OtaError('cancelled', 'cancelled');
    });
    const steps = [createStep('a', good), stuck, createStep('c', good)];
    const reports = await deliverAll(steps, createRun({ signal: interrupt.signal }));
    expect(reports.map(({ status, sent_bytes }) => [status, sent_bytes])).toEqual([
      ['delivered', 3],
      ['cancelled', 2],
      ['cancelled', 0],
    ]);
  });

  it('does not start another attempt when it is cancelled during the wait', async () => {
    const interrupt = new AbortController();
    const run = createRun({ signal: interrupt.signal });
    const clock = { ...run.clock, wait: async () => interrupt.abort() };
    const [report] = await deliverAll([createStep('a', failing(true))], { ...run, clock });
    expect(report).toMatchObject({ status: 'cancelled', attempts: 1 });
  });

  it('does not hide a bug as a failed delivery', async () => {
    const step = createStep('a', async () => {
      throw new TypeError('bug');
    });
    await expect(deliverAll([step], createRun())).rejects.toThrow(TypeError);
  });

  it('tells each event', async () => {
    const run = createRun({ policy: { ...defaultRetryPolicy, retries: 1 } });
    await deliverAll([createStep('a', failing(true))], run);
    expect(run.events).toEqual(['a started', 'a retrying', 'a started', 'a ended']);
  });
});
