import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OtaError } from '../../../tools/core/errors.ts';
import { parseBatchJson } from '../../../tools/core/lan/batch.ts';
import { parseBatchCsv } from '../../../tools/core/lan/batch-csv.ts';
import { hostProblem } from '../../../tools/core/lan/host.ts';

const key = Buffer.alloc(32, 7).toString('base64');

function problemsOf(work: () => unknown): readonly string[] {
  try {
    work();
  } catch (error) {
    if (error instanceof OtaError && error.code === 'batch-invalid') return error.details;
    throw error;
  }
  throw new Error('expected problems');
}

describe('a batch in JSON', () => {
  it('gives the devices, a password of no length included', () => {
    const devices = parseBatchJson(
      [
        { host: '192.168.1.100', password: 'device_specific_password' },
        { host: 'esp32-2.local', password: '', port: 8266, name: 'hall', 'x-note': 'mine' },
        { host: '[fd00::1]', encryption_key: key },
      ],
      'devices.json',
    );
    expect(devices).toEqual([
      { host: '192.168.1.100', password: 'device_specific_password' },
      { host: 'esp32-2.local', password: '', port: 8266, name: 'hall' },
      { host: 'fd00::1', encryptionKey: key },
    ]);
  });

  it('lists every problem with the number of its entry', () => {
    const batch = [
      { host: 'a.local' },
      'b.local',
      { password: 'x' },
      { host: 'c.local', pasword: 'x' },
      { host: 'd.local', port: '3232' },
      { host: 'e.local', encryption_key: 'short' },
      { host: 'http://f.local/' },
      { host: 'A.local.' },
      null,
    ];
    expect(problemsOf(() => parseBatchJson(batch, 'devices.json'))).toEqual([
      'entry 2: must be object, is "b.local"',
      'entry 3: the key "host" is missing',
      'entry 4: unknown key "pasword" (did you mean "password"?)',
      'entry 5: port: must be integer, is "3232"',
      'entry 6: encryption_key: must be 32 bytes in base64 (44 characters, not all zero)',
      'entry 7: host: "http://f.local/" is a URL; give only its host',
      'entry 8: the device "A.local." is already in entry 1',
      'entry 9: must be object, is null',
    ]);
  });

  it('may hold one host with several ports, as a host of virtual devices has', () => {
    const batch = [
      { host: '127.0.0.1', port: 1 },
      { host: '127.0.0.1', port: 2 },
    ];
    expect(parseBatchJson(batch, 'devices.json')).toHaveLength(2);
    expect(problemsOf(() => parseBatchJson([...batch, batch[0]], 'devices.json'))).toEqual([
      'entry 3: the device "127.0.0.1" is already in entry 1',
    ]);
  });

  it.each([[{ host: 'a.local' }], [[]], ['text'], [null]])('is refused as %j', (value) => {
    expect(() => parseBatchJson(value, 'devices.json')).toThrow(
      expect.objectContaining({ code: 'batch-invalid' }),
    );
  });

  it('never shows a password in a problem', () => {
    const secrets = [
      { host: 'a', password: 77_777 },
      { host: 'a b', password: 'hush' },
    ];
    expect(problemsOf(() => parseBatchJson(secrets, 'devices.json')).join()).not.toMatch(
      /777|hush/,
    );
  });
});

describe('a batch in CSV', () => {
  const parse = (text: string) => parseBatchCsv(text, 'devices.csv');

  it('gives the devices of the seed document', () => {
    const text =
      'host,password\n192.168.1.100,device_specific_password\nesp32-2.local,\n192.168.1.102,another_password\n';
    expect(parse(text)).toEqual([
      { host: '192.168.1.100', password: 'device_specific_password' },
      { host: 'esp32-2.local' },
      { host: '192.168.1.102', password: 'another_password' },
    ]);
  });

  it('takes the columns in any order, quoted cells, blanks, CRLF, a BOM and empty lines', () => {
    const text = `\uFEFFName, HOST ,port,encryption_key,password\r\n"hall, left", a.local ,3232,${key},"say ""hi"", you"\r\n\r\n,b.local\r\n`;
    expect(parse(text)).toEqual([
      {
        host: 'a.local',
        name: 'hall, left',
        port: 3232,
        encryptionKey: key,
        password: 'say "hi", you',
      },
      { host: 'b.local' },
    ]);
  });

  it('lists every problem with its line', () => {
    const text =
      'host,port\na.local,1\n,2\nb.local,x\nc.local,70000\n\na.local,1\nd.local,1,extra\n';
    expect(problemsOf(() => parse(text))).toEqual([
      'line 8: has 3 cells, the header 2',
      'line 3: host: "" is empty',
      'line 4: port: must be integer, is "x"',
      'line 5: port: must be <= 65535, is 70000',
      'line 7: the device "a.local" is already in line 2',
    ]);
  });

  it.each([
    ['', []],
    [
      'hosts,pasword\na,b\n',
      [
        'line 1: unknown column "hosts" (did you mean "host"?)',
        'line 1: unknown column "pasword" (did you mean "password"?)',
        'line 1: the column "host" is missing',
      ],
    ],
    ['host,host\na,b\n', ['line 1: the column "host" stands there twice']],
    ['host\n', []],
    ['host,password\na,"open\n', ['line 2: quote not closed']],
  ])('is refused as %j', (text, problems) => {
    expect(problemsOf(() => parse(text))).toEqual(problems);
  });

  it('never shows a cell in a problem that the CSV itself has', () => {
    expect(problemsOf(() => parse('host,password\na,"hush"hush\n')).join()).not.toContain('hush');
  });

  it('reads back what was written, and never crashes', () => {
    const cell = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => text.trim() !== '');
    const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
    fc.assert(
      fc.property(fc.array(cell, { minLength: 1, maxLength: 5 }), (passwords) => {
        const rows = passwords.map((password, index) => `host-${index},${quote(password)}`);
        expect(parse(['host,password', ...rows].join('\n'))).toEqual(
          passwords.map((password, index) => ({ host: `host-${index}`, password })),
        );
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        for (const whole of [text, `host,port,password\n${text}`]) {
          try {
            parse(whole);
          } catch (error) {
            expect(error).toMatchObject({ code: 'batch-invalid' });
          }
        }
      }),
    );
  });
});

describe('a host', () => {
  it.each([
    '192.168.1.20',
    'lamp',
    'esp32-2.local',
    'my_lamp.local.',
    '::1',
    'fd00::1',
    'fe80::1%eth0',
    '::ffff:10.0.0.1',
  ])('may be %s', (host) => {
    expect(hostProblem(host)).toBeUndefined();
  });

  it.each([
    ['', 'is empty'],
    ['https://lamp.local', 'is a URL; give only its host'],
    ['lamp.local:8266', 'has a port in it; give that as the port'],
    ['two words', 'has blanks in it'],
    ['user@lamp', 'is no host name'],
    ['lamp/update', 'is no host name'],
    ['-..-', 'is no host name'],
    ['a'.repeat(254), 'is longer than a host name can be'],
  ])('may not be %j', (host, flaw) => {
    expect(hostProblem(host)).toBe(flaw);
  });
});
