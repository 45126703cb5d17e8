import { describe, expect, it } from 'vitest';
import { OtaError } from '../../../tools/core/errors.ts';
import {
  buildVersionFile,
  firmwareName,
  parseVersionFile,
} from '../../../tools/core/publishing/version-file.ts';

const sha256 = 'ab'.repeat(32);
const facts = {
  version: '1.1.0',
  builtAt: new Date('2024-01-15T10:30:00.250Z'),
  forceUpdate: false,
  sizeBytes: 1000,
  sha256,
};

describe('version.json', () => {
  it("has the seed's fields, and those with which a device can check the firmware", () => {
    expect(buildVersionFile({ ...facts, description: 'Bug fixes', signature: 'c2ln' })).toEqual({
      version: '1.1.0',
      build_date: '2024-01-15T10:30:00Z',
      description: 'Bug fixes',
      min_version: '1.0.0',
      force_update: false,
      size: 1000,
      sha256,
      file: 'firmware-1.1.0-abababababab.bin',
      signature: 'c2ln',
    });
  });

  it('is valid by its own schema', () => {
    const file = buildVersionFile(facts);
    expect(parseVersionFile(JSON.stringify(file), 'here')).toEqual(file);
  });

  it("of the seed's script, with the version alone, is valid", () => {
    expect(parseVersionFile('{"version": "1.1.0"}', 'here')).toEqual({ version: '1.1.0' });
  });

  it.each(['', '[]', '{}', '{"version":"1","sha256":"x"}', '{"version":"1","file":"../x"}'])(
    'is refused when it is %j',
    (text) => {
      expect(() => parseVersionFile(text, 'here')).toThrow(OtaError);
    },
  );

  it('names firmware so that the name fits a URL and never means other bytes', () => {
    expect(firmwareName('main/1+x', sha256)).toBe('firmware-main_1_x-abababababab.bin');
    expect(firmwareName('1', sha256)).not.toBe(firmwareName('1', 'cd'.repeat(32)));
  });
});
