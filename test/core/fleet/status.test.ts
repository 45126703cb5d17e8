import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  cleanText,
  type DeviceStatus,
  parseStatus,
} from '../../../tools/core/fleet/commands/status.ts';

const parse = (value: unknown) => parseStatus(Buffer.from(JSON.stringify(value)));

function statusOf(value: unknown): DeviceStatus {
  const parsed = parse(value);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.status;
}

describe('a text of a device', () => {
  it('is cut between characters, not through one', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 20 }),
        fc.integer({ min: 1, max: 9 }),
        (text, most) => {
          const clean = cleanText(text, most);
          expect(clean).not.toMatch(/\p{Cs}/u);
          expect(clean.length).toBeLessThanOrEqual(most);
        },
      ),
    );
  });
});

describe('a status message', () => {
  it("of the seed's document is understood with all its fields", () => {
    expect(
      statusOf({
        timestamp_us: 1234567890123456,
        uptime_sec: 3600,
        status: 2,
        progress_pct: 45,
        message: 'Downloading firmware update',
        current_version: '1.0.0',
        available_version: '1.1.0',
        rollback_pending: false,
        free_heap: 95632,
      }),
    ).toEqual({
      state: 'downloading',
      timestampUs: 1234567890123456,
      uptimeS: 3600,
      progressPct: 45,
      message: 'Downloading firmware update',
      currentVersion: '1.0.0',
      availableVersion: '1.1.0',
      rollbackPending: false,
      freeHeapBytes: 95632,
      extra: {},
    });
  });

  it.each([
    [0, 'idle'],
    [1, 'checking'],
    [2, 'downloading'],
    [3, 'installing'],
    [4, 'success'],
    [5, 'failed'],
    [6, 'rolled_back'],
    ['4', 'success'],
    ['rolled_back', 'rolled_back'],
    ['ROLLBACK', 'rolled_back'],
    ['Verified', 'downloaded'],
    ['pending', 'pending'],
  ])('with status %j means %s', (status, state) => {
    expect(statusOf({ status }).state).toBe(state);
  });

  it('may say its state in `state` or `fw_state`', () => {
    expect(statusOf({ state: 'installing' }).state).toBe('installing');
    expect(statusOf({ fw_state: 'UPDATED', current_fw_version: '2.0' })).toEqual({
      state: 'success',
      currentVersion: '2.0',
      extra: {},
    });
  });

  it('keeps what is unknown, and what has another type than it should', () => {
    expect(statusOf({ status: 0, rssi: -70, uptime_sec: 'long', free_heap: -1 })).toEqual({
      state: 'idle',
      extra: { rssi: -70, uptime_sec: 'long', free_heap: -1 },
    });
  });

  it('leaves out empty texts and bounds the progress', () => {
    expect(statusOf({ status: 2, available_version: '', progress_pct: 250 })).toEqual({
      state: 'downloading',
      progressPct: 100,
      extra: {},
    });
  });

  it('cannot bring escape sequences or endless texts to a terminal', () => {
    const { message } = statusOf({ status: 5, message: `\u001b[2J\u202e${'x'.repeat(9999)}` });
    expect(message).toMatch(/^\ufffd\[2J\ufffdx+…$/);
    expect(message).toHaveLength(512);
  });

  it('may say what the device is, and its build', () => {
    expect(statusOf({ status: 0, device_model: 'esp32', current_build: 7 })).toMatchObject({
      model: 'esp32',
      build: 7,
    });
    expect(statusOf({ status: 0, device_type: 'esp8266', current_build: 1e300 })).toEqual({
      state: 'idle',
      model: 'esp8266',
      extra: { current_build: 1e300 },
    });
  });

  it.each([
    ['', 'is empty'],
    ['{', 'is not JSON'],
    ['[]', 'is not a JSON object'],
    ['null', 'is not a JSON object'],
    ['{}', 'has no field "status"'],
    ['{"status":7}', 'has an unknown status: 7'],
    ['{"status":-1}', 'has an unknown status: -1'],
    ['{"status":"constructor"}', 'has an unknown status: "constructor"'],
    [`{"status":0,"x":${'['.repeat(30000)}${']'.repeat(30000)}}`, 'is nested too deeply'],
    ['x'.repeat(65_537), 'has 65537 bytes'],
  ])('that is malformed is a result, not an error (%#)', (text, problem) => {
    expect(parseStatus(Buffer.from(text))).toEqual({ ok: false, problem });
  });

  it('never makes the parser throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void parseStatus(bytes)));
    fc.assert(fc.property(fc.jsonValue(), (value) => void parse(value)));
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (fields) => {
        const parsed = parse({ ...fields, status: 1 });
        expect(parsed.ok || parsed.problem === 'is nested too deeply').toBe(true);
      }),
    );
  });
});
