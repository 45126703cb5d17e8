import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  parsePublishTarget,
  quoteForShell,
  remotePublishScript,
} from '../../../tools/core/fleet/publish-target.ts';
import { code } from '../../support/code.ts';

describe('a publishing target', () => {
  it.each([
    ['/var/www/firmware', { kind: 'folder', path: '/var/www/firmware' }],
    ['out', { kind: 'folder', path: 'out' }],
    ['./a:b', { kind: 'folder', path: './a:b' }],
    ['C:\\fw', { kind: 'folder', path: 'C:\\fw' }],
    ['pi@nas:/var/www/a b', { kind: 'ssh', host: 'pi@nas', path: '/var/www/a b' }],
    ['nas.local:', { kind: 'ssh', host: 'nas.local', path: '.' }],
    ['[fe80::1]:fw', { kind: 'ssh', host: '[fe80::1]', path: 'fw' }],
    ['https://u.example/fw/', { kind: 'https', url: 'https://u.example/fw' }],
  ])('%s', (text, target) => {
    expect(parsePublishTarget(text)).toEqual(target);
  });

  it.each(['', '-oProxyCommand=x:/a', 'u@-oX=y:/a', 'ftp://x/y', 'host:/a\nb', 'https://'])(
    'is refused: %j',
    (text) => {
      expect(code(() => parsePublishTarget(text))).toBe('usage');
    },
  );
});

describe('a word for the shell', () => {
  it('comes out as it went in', () => {
    const text = fc.string({ unit: 'grapheme' }).filter((value) => !/[\0\p{Cs}]/u.test(value));
    fc.assert(
      fc.property(text, (value) => {
        const printed = execFileSync('sh', ['-c', `printf %s ${quoteForShell(value)}`]);
        expect(printed.toString()).toBe(value);
      }),
      { numRuns: 30 },
    );
  });
});

describe('the script that ends a publication', () => {
  it('checks every file before the first takes its name, and names version.json last', () => {
    const sha256 = 'ab'.repeat(32);
    const lines = remotePublishScript([
      { temporary: '/a b/t1', path: '/a b/f.bin', sha256 },
      { temporary: '/a b/t2', path: '/a b/version.json', sha256 },
    ]).split('\n');
    expect(lines[0]).toBe('set -e');
    expect(lines.findLastIndex((line) => line.includes('sha256sum'))).toBeLessThan(
      lines.findIndex((line) => line.startsWith('mv ')),
    );
    expect(lines.at(-1)).toBe("mv -f '/a b/t2' '/a b/version.json'");
  });
});
