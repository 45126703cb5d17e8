import { describe, expect, it } from 'vitest';
import { parsePublishTarget } from '../../../tools/core/publishing/publish-target.ts';
import { code } from '../../support/code.ts';

describe('a publishing target', () => {
  it.each([
    ['/var/www/firmware', { kind: 'folder', path: '/var/www/firmware' }],
    ['out', { kind: 'folder', path: 'out' }],
    ['./a:b', { kind: 'folder', path: './a:b' }],
    ['C:\\fw', { kind: 'folder', path: 'C:\\fw' }],
    ['pi@nas:/var/www/a b', { kind: 'ssh', host: 'pi@nas', path: '/var/www/a b' }],
    ['nas.local:', { kind: 'ssh', host: 'nas.local', path: '.' }],
    ['nas:~/www', { kind: 'ssh', host: 'nas', path: 'www' }],
    ['nas:~', { kind: 'ssh', host: 'nas', path: '.' }],
    ['nas:~/~x', { kind: 'ssh', host: 'nas', path: './~x' }],
    ['nas:-rf', { kind: 'ssh', host: 'nas', path: './-rf' }],
    ['[fe80::1]:fw', { kind: 'ssh', host: '[fe80::1]', path: 'fw' }],
    ['https://u.example/fw/', { kind: 'https', url: 'https://u.example/fw' }],
  ])('%s', (text, target) => {
    expect(parsePublishTarget(text)).toEqual(target);
  });

  it.each([
    ...['', '-oProxyCommand=x:/a', 'u@-oX=y:/a', 'ftp://x/y', 'host:/a\nb', 'https://'],
    ...['nas:~other/www', 'a b@nas:/www', 'a@b@nas:/www'],
  ])('is refused: %j', (text) => {
    expect(code(() => parsePublishTarget(text))).toBe('usage');
  });
});
