import { createServer, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startServer } from '../../tools/simulator/server.ts';
import { type AdminOption, adminOptions, optionsOf } from '../../tools/workflows/admin/act.ts';
import { adminActs } from '../../tools/workflows/admin/index.ts';
import { runOta } from '../support/io.ts';
import { createKey } from '../support/keys.ts';
import { createFolder } from '../support/temporary-workspace.ts';

/** A value of each flag; a flag without one is given bare. */
const samples: Readonly<Record<AdminOption, readonly string[]>> = {
  active: ['--no-active'],
  auth: ['--auth', 'token'],
  'binary-path': ['--binary-path', 'esp32/v1.1.0.bin'],
  build: ['--build', '7'],
  deadline: ['--deadline', '60'],
  description: ['--description', 'a dash - and spaces'],
  device: ['--device', 'AA:BB'],
  'device-id': ['--device-id', '123'],
  'device-type': ['--device-type', 'esp32'],
  downgrade: ['--downgrade'],
  draft: ['--draft'],
  file: ['--file', 'app.bin'],
  'file-hash': ['--file-hash', 'ab'.repeat(32)],
  'file-size': ['--file-size', '3'],
  filename: ['--filename', 'other.bin'],
  'firmware-id': ['--firmware-id', '5'],
  group: ['--group', 'location:x'],
  id: ['--id', '9'],
  kind: ['--kind', 'admin'],
  limit: ['--limit', '2'],
  'min-version': ['--min-version', '1.0.0'],
  name: ['--name', 'a/b c'],
  percentage: ['--percentage', '25'],
  'public-key': ['--public-key', 'key.pem'],
  register: ['--register'],
  'release-notes': ['--release-notes', 'x=y'],
  role: ['--role', 'viewer'],
  signature: ['--signature', 'app.sig'],
  skip: ['--skip', '4'],
  stable: ['--stable'],
  status: ['--status', 'failed'],
  subject: ['--subject', 'a b'],
  target: ['--target', 'group'],
  ttl: ['--ttl', '60'],
  type: ['--type', 'key_created'],
  unsigned: ['--unsigned'],
  updates: ['--updates'],
  version: ['--version', '1.1.0'],
};

/** Flags that are of use only without another one of the same act. */
const excluded: Readonly<Record<string, readonly AdminOption[]>> = {
  'models set': ['unsigned'],
  'tokens revoke': ['id'],
};

/** What the service gets, so that two requests can be compared. */
async function describeRequest(request: IncomingMessage) {
  const { method, url, headers } = request;
  const bytes = await buffer(request);
  const type = headers['content-type'] ?? '';
  const seen = { method, url, authorization: headers.authorization };
  if (!type.startsWith('multipart/')) return { ...seen, type, body: bytes.toString() };
  const form = await new Response(bytes, { headers: { 'content-type': type } }).formData();
  const fields = await Promise.all(
    [...form].map(async ([name, value]) => [
      name,
      typeof value === 'string' ? value : `${value.name}: ${await value.text()}`,
    ]),
  );
  return { ...seen, body: fields };
}

async function startRecorder() {
  const requests: Awaited<ReturnType<typeof describeRequest>>[] = [];
  const server = await startServer(
    createServer(async (request, response) => {
      requests.push(await describeRequest(request));
      response.setHeader('content-type', 'application/json').end('{}');
    }),
  );
  onTestFinished(server.close);
  return { requests, url: `http://127.0.0.1:${server.port}` };
}

const files = { 'app.bin': 'app', 'app.sig': 'c2ln', 'key.pem': createKey().publicPem };

/** The same command line, words and flags in several orders. */
function orders(words: readonly string[], flags: readonly (readonly string[])[]): string[][] {
  const woven = words.flatMap((word, index) => [...(flags[index] ?? []), word]);
  return [
    [...words, ...flags.flat()],
    [...flags.toReversed().flat(), ...words],
    [...woven, ...flags.slice(words.length).flat()],
    [words[0] ?? '', ...flags.flat(), ...words.slice(1)],
  ];
}

describe('the flags of ota admin', () => {
  it.each(adminActs.map((act) => [act.words, act] as const))(
    '%s: count in any order',
    async (words, act) => {
      const { requests, url } = await startRecorder();
      const cwd = await createFolder(files);
      const names = optionsOf(act).filter((name) => !excluded[words]?.includes(name));
      const flags = [
        ['--server', url],
        ['--token', 'secret'],
        ['--json'],
        ...names.map((name) => samples[name]),
      ];
      for (const line of orders(words.split(' '), flags)) {
        const { exitCode, stdout, stderr } = await runOta(['admin', ...line], { cwd });
        expect([exitCode, stdout, stderr], line.join(' ')).toEqual([0, '{}\n', '']);
      }
      expect(requests).toHaveLength(4);
      expect(new Set(requests.map((request) => JSON.stringify(request))).size).toBe(1);
      expect(requests[0]).toMatchObject({ method: act.method, authorization: 'Bearer secret' });
      for (const name of names) {
        const [flag = '', value = String(!flag.startsWith('--no-'))] = samples[name];
        const sent = JSON.stringify([requests[0]?.url, requests[0]?.body]);
        const shown = { file: 'app.bin', signature: 'c2ln', 'public-key': 'PUBLIC KEY' }[
          name as 'file'
        ];
        const wanted = shown ?? value;
        const isThere = sent.includes(wanted) || sent.includes(encodeURIComponent(wanted));
        expect(isThere, `${flag} is not in ${sent}`).toBe(true);
      }
    },
  );

  it('are each of use somewhere', () => {
    const used = new Set(adminActs.flatMap((act) => optionsOf(act)));
    expect(adminOptions.filter((name) => !used.has(name))).toEqual([]);
  });

  it.each([
    [['rollout', 'pause', '--name', 'r', '--percentage', '5'], 'makes nothing of --percentage'],
    [['list', '--id', '5', '--ttl', '3'], 'makes nothing of --id, --ttl'],
    [['rollout', 'pause', 'r'], 'ota admin rollout pause makes nothing of the word "r"'],
    [['rollout', 'pause'], 'needs --name'],
    [['rollout', 'pause', '--name', ''], 'needs --name'],
    [['rollout', 'pause', '--name', 'a', '--name', 'b'], '--name is given 2 times'],
    [['rollout', 'set', '--name', 'a'], 'needs --target or --percentage'],
    [['devices', 'show', '--device', 'a', '--device', 'b'], '--device is given 2 times'],
    [['devices', 'list', '--group', 'a', '--group', 'b'], '--group is given 2 times'],
    [['get', '--id', 'one'], '--id takes a number'],
    [['update', '--id', '1', '--description', '--stable'], 'Not enough arguments'],
    [['update', '--id', '1'], 'needs --active or --stable'],
    [['tokens', 'revoke'], 'needs --id or --subject'],
    [['tokens', 'revoke', '--subject', 'jane'], 'takes --id, or --subject and --kind'],
    [['tokens', 'revoke', '--id', 'a1', '--kind', 'device'], 'takes --id, or --subject and --kind'],
    [['tokens', 'revoke', '--id', 'a1', '--subject', 'x', '--kind', 'device'], 'takes --id, or'],
    [['rolout', 'list'], 'did you mean "rollout list"?'],
    [['get', '--idd', '1'], 'Unknown argument: idd'],
    [['keys', 'create', '--name', 'k', '--role', 'king'], 'Invalid values'],
  ])('are refused as %j', async (words, message) => {
    const { requests, url } = await startRecorder();
    const { exitCode, stderr } = await runOta(['admin', '--server', url, ...words], { cwd: '.' });
    expect(exitCode).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/hint: .+\ncode: usage\n$/);
    expect(requests).toEqual([]);
  });
});
