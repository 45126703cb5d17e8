import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseBatchJson } from '../../../tools/core/lan/batch.ts';
import { collectDevices, type FoundRecord, toBatch } from '../../../tools/core/lan/discovery.ts';

const text = (...pairs: string[]) => pairs.map((pair) => Buffer.from(pair));

const lamp: FoundRecord[] = [
  { name: '_esphomelib._tcp.local', type: 'PTR', data: 'lamp._esphomelib._tcp.local' },
  { name: 'lamp._esphomelib._tcp.local', type: 'SRV', data: { target: 'Lamp.local', port: 6053 } },
  {
    name: 'lamp._esphomelib._tcp.local',
    type: 'TXT',
    data: text(
      'friendly_name=Hall lamp',
      'version=2026.9.1',
      'platform=ESP32',
      'board=esp32-s3-devkitc-1',
      'mac=aabbccddeeff',
      'api_encryption=Noise_NNpsk0_25519_ChaChaPoly_SHA256',
    ),
  },
  { name: 'lamp.local', type: 'A', data: '10.0.0.7' },
  { name: 'lamp.local', type: 'AAAA', data: 'fd00::7' },
];

const sketch: FoundRecord[] = [
  { name: '_arduino._tcp.local', type: 'PTR', data: 'sketch._arduino._tcp.local' },
  { name: 'sketch._arduino._tcp.local', type: 'SRV', data: { target: 'sketch.local', port: 3232 } },
  { name: 'sketch._arduino._tcp.local', type: 'TXT', data: text('board=esp32', 'auth_upload=yes') },
];

describe('discovered devices', () => {
  it('are joined from their records', () => {
    expect(collectDevices([...sketch, ...lamp])).toEqual([
      {
        host: 'lamp.local',
        protocol: 'esphome',
        name: 'Hall lamp',
        addresses: ['10.0.0.7', 'fd00::7'],
        port: undefined,
        platform: 'ESP32',
        board: 'esp32-s3-devkitc-1',
        version: '2026.9.1',
        mac: 'aabbccddeeff',
        security: 'Noise_NNpsk0_25519_ChaChaPoly_SHA256',
      },
      {
        host: 'sketch.local',
        protocol: 'arduino',
        name: 'sketch',
        addresses: [],
        port: 3232,
        platform: undefined,
        board: 'esp32',
        version: undefined,
        mac: undefined,
        security: 'password',
      },
    ]);
  });

  it('are known by their name before the details arrive', () => {
    expect(collectDevices(lamp.slice(0, 1))).toMatchObject([
      { host: 'lamp.local', name: 'lamp', addresses: [] },
    ]);
  });

  it('are a valid batch file', () => {
    const batch = JSON.parse(JSON.stringify(toBatch(collectDevices([...lamp, ...sketch]))));
    expect(batch[0]).toMatchObject({ host: 'lamp.local', 'x-version': '2026.9.1' });
    expect(parseBatchJson(batch, 'devices.json')).toEqual([
      { host: 'lamp.local', name: 'Hall lamp' },
      { host: 'sketch.local', name: 'sketch', port: 3232 },
    ]);
  });

  it('that announce nonsense are left out, whatever it is', () => {
    const odd: FoundRecord[] = [
      { name: '_esphomelib._tcp.local', type: 'PTR', data: 'evil host._esphomelib._tcp.local' },
      { name: '_esphomelib._tcp.local', type: 'PTR', data: 'elsewhere.example' },
      { name: '_esphomelib._tcp.local', type: 'PTR', data: 7 },
    ];
    expect(collectDevices(odd)).toEqual([]);
    const record = fc.record({
      name: fc.constantFrom(...lamp.map(({ name }) => name), 'x'),
      type: fc.constantFrom('PTR', 'SRV', 'TXT', 'A', 'AAAA'),
      data: fc.oneof(fc.anything(), fc.constant('lamp._esphomelib._tcp.local')),
    });
    fc.assert(
      fc.property(fc.array(record, { maxLength: 12 }), (records) => {
        const devices = collectDevices(records);
        if (devices.length > 0) {
          expect(parseBatchJson(toBatch(devices), 'found')).toHaveLength(devices.length);
        }
      }),
    );
  });
});
