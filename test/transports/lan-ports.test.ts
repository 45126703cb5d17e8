import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { choosePorts, familyOf } from '../../tools/transports/lan/ports.ts';
import { sharedFolder } from '../support/shared.ts';

const shared = sharedFolder();

describe('the port of a device', () => {
  it('is the given one and no other', () => {
    expect(choosePorts(1234, 'esp32')).toEqual([1234]);
    expect(choosePorts(8266, 'esp32')).toEqual([8266]);
  });

  it('is otherwise that of the chip, then the other', () => {
    expect(choosePorts(undefined, 'esp32')).toEqual([3232, 8266]);
    expect(choosePorts(undefined, 'esp8266')).toEqual([8266, 3232]);
  });

  it('goes by the ESP32 when the image does not tell', () => {
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(10, 0xe9), Buffer.from('text')]) {
      expect(familyOf(bytes)).toBe('esp32');
    }
    expect(familyOf(gzipSync('only an ESP8266 takes gzip'))).toBe('esp8266');
  });

  it.skipIf(shared === undefined)('fits every real app image', () => {
    const folder = join(shared ?? '', 'images');
    const names = readdirSync(folder).filter((name) => /^(app-|esp8266-).*\.bin$/.test(name));
    expect(names.length).toBeGreaterThan(15);
    for (const name of names) {
      const family = familyOf(readFileSync(join(folder, name)));
      expect(family, name).toBe(name.includes('esp8266') ? 'esp8266' : 'esp32');
    }
  });
});
