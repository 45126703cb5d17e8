import { describe, expect, it } from 'vitest';
import type { Io, Output } from '../../tools/cli/io.ts';
import { createDeliveryView } from '../../tools/cli/views/delivery-view.ts';
import type { PlannedDelivery } from '../../tools/core/release/deploy-plan.ts';
import { plannedReport } from '../../tools/core/release/deploy-report.ts';
import { factsOf } from '../support/deliveries.ts';

function createTerminal(isTTY: boolean): Io & { text(): string } {
  let written = '';
  const stderr: Output & { text(): string } = {
    write: (text) => {
      written += text;
    },
    isTTY,
    columns: 100,
    text: () => written,
  };
  return {
    cwd: '.',
    env: {},
    stdout: stderr,
    stderr,
    signal: new AbortController().signal,
    readStdin: async () => '',
    now: () => new Date(0),
    random: () => 0,
    text: () => written,
  };
}

function stepTo(destination: string): PlannedDelivery {
  return {
    transport: 'esphome',
    artifact: factsOf(Buffer.alloc(2048)),
    destination,
    settings: {},
    send: () => Promise.reject(new Error('not sent')),
    redact: (text) => text,
  };
}

function show(io: Io, onlyRunning: boolean): void {
  const view = createDeliveryView(
    io,
    { json: false, progress: 'auto' },
    {
      nameOf: (step) => step.destination,
      onlyRunning,
    },
  );
  for (const step of [stepTo('hall.local'), stepTo('lamp\x1b[2Jlocal')]) {
    const delivered = plannedReport(step, 'delivered');
    view.notify({ type: 'started', step, attempt: 1 });
    view.notify({ type: 'progress', step, sentBytes: 1024 });
    view.notify({ type: 'retrying', step, attempt: 1, delayMs: 1000, reason: 'it was away' });
    view.notify({ type: 'ended', step, report: delivered });
  }
  view.close();
}

describe('deliveries while they run', () => {
  it('have a bar each on a terminal, and nothing of their names acts on it', () => {
    for (const onlyRunning of [false, true]) {
      const io = createTerminal(true);
      show(io, onlyRunning);
      if (!onlyRunning) expect(io.text()).toContain('hall.local');
      expect(io.text()).not.toContain('\x1b[2Jlocal');
    }
  });

  it('are plain lines elsewhere', () => {
    const io = createTerminal(false);
    show(io, false);
    expect(io.text()).toBe(`hall.local: attempt 1
hall.local: it was away; next attempt in 1.0 s
hall.local: delivered
lamp\\x1b[2Jlocal: attempt 1
lamp\\x1b[2Jlocal: it was away; next attempt in 1.0 s
lamp\\x1b[2Jlocal: delivered
`);
  });
});
