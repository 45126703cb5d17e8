import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseStatus } from '../../../tools/core/fleet/commands/status.ts';
import { newsOfStatus } from '../../../tools/core/fleet/news/news.ts';

const sender = { deviceId: 'd1', named: 'by-topic', retained: false } as const;

function newsOf(message: object, from: Parameters<typeof newsOfStatus>[0] = sender) {
  const parsed = parseStatus(Buffer.from(JSON.stringify(message)));
  if (!parsed.ok) throw new Error(parsed.problem);
  return newsOfStatus(from, parsed.status);
}

describe('what a status message tells the service', () => {
  it('is the running version, the uptime to the microsecond, and how the update goes', () => {
    const message = {
      ...{ status: 2, progress_pct: 45, current_version: '1.0.0', available_version: '1.1.0' },
      ...{ uptime_sec: 3600, timestamp_us: 3_600_500_000, current_build: 3 },
    };
    expect(newsOf(message)).toEqual({
      kind: 'news',
      news: {
        ...sender,
        runs: { version: '1.0.0', build: 3, imageSha256: undefined },
        uptimeMs: 3_600_500,
        report: { status: 'downloading', version: '1.1.0', progress: 45 },
      },
    });
  });

  it('is no uptime when the broker has kept it: nobody knows since when', () => {
    expect(newsOf({ status: 0, uptime_sec: 5 }, { ...sender, retained: true })).toEqual({
      kind: 'news',
      news: { ...sender, retained: true },
    });
  });

  it.each([
    [{ ...sender, deviceId: '' }, {}],
    [{ ...sender, deviceId: 'x'.repeat(129) }, {}],
    [{ ...sender, deviceId: 'a\u0007' }, {}],
    [sender, { current_version: 'v'.repeat(65) }],
    [sender, { current_version: 'a\u0000b' }],
    [sender, { device_model: 'm'.repeat(129) }],
  ])('is nothing that can be when names are impossible (%#)', (from, message) => {
    expect(newsOf({ status: 0, ...message }, from)).toMatchObject({ kind: 'malformed' });
  });

  it('fits into every database, whatever it is', () => {
    const keys = fc.constantFrom(
      ...['progress_pct', 'message', 'error', 'current_version', 'available_version'],
      ...['uptime_sec', 'timestamp_us', 'current_build', 'device_model'],
    );
    const values = fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary', maxLength: 2000 }));
    const messages = fc.tuple(fc.integer({ min: 0, max: 6 }), fc.dictionary(keys, values));
    fc.assert(
      fc.property(messages, ([status, fields]) => {
        const parsed = parseStatus(Buffer.from(JSON.stringify({ ...fields, status })));
        const told = parsed.ok ? newsOfStatus(sender, parsed.status) : undefined;
        if (told?.kind !== 'news') return;
        const { uptimeMs = 0, runs, report, model } = told.news;
        for (const number of [uptimeMs, runs?.build ?? 0, report?.progress ?? 0])
          expect(Number.isSafeInteger(number)).toBe(true);
        const texts = [model, runs?.version, report?.version, report?.error].join(' ');
        expect(texts).not.toMatch(/\0|\p{Surrogate}/u);
      }),
    );
  });
});
