import { describe, expect, it } from 'vitest';
import schema from '../../schemas/admin.schema.json' with { type: 'json' };
import { buildImage } from '../../tools/core/image/building/build-image.ts';
import { defineSchema } from '../../tools/core/schema.ts';
import { adminActs } from '../../tools/workflows/admin/index.ts';
import { runOta } from '../support/io.ts';
import { createKey } from '../support/keys.ts';
import { adminKey, startService } from '../support/service.ts';
import { createFolder } from '../support/temporary-workspace.ts';

type Started = Awaited<ReturnType<typeof startService>>;

const image = buildImage({ chip: 'esp32', project: 'app', version: '1.1.0' });
const key = createKey('ecdsa-p256');

/** The id of a device is what it says of itself. */
const device = 'd1\u001b[2J';

/** What others do between two acts. */
async function update(service: Started): Promise<void> {
  await service.check(device, '1.0.0');
  await service.report(device, '1.1.0', 'downloading', { progress_percent: 5 });
  await service.report(device, '1.1.0', 'failed', { error_message: 'no space' });
}
const another = (service: Started) => service.rollout('other', '1.1.0');

/** Every act, in an order that works; `SIZE` and `HASH` are as the upload answered. */
const release = '--device-type esp32 --version 1.1.0';
const story: readonly (readonly [string, string] | ((service: Started) => Promise<unknown>))[] = [
  ['upload', `--file app.bin ${release} --build 1 --register --description first`],
  ['upload', `--file app.bin ${release} --build 2`],
  [
    'register',
    `${release} --build 2 --file-size SIZE --file-hash HASH --binary-path esp32/v1.1.0_b2.bin`,
  ],
  ['list', '--device-type esp32 --limit 5'],
  ['get', '--id 1'],
  ['update', '--id 2 --stable --release-notes x'],
  ['deactivate', '--id 2'],
  ['rollout create', `--name r ${release} --build 1 --draft --target groups:g`],
  ['rollout set', '--name r --target all --deadline 60'],
  ['rollout resume', '--name r'],
  update,
  ['rollout list', ''],
  ['rollout show', '--name r'],
  ['rollout pause', '--name r'],
  ['rollout finish', '--name r'],
  another,
  ['rollout cancel', '--name other'],
  ['rollout delete', '--name other'],
  ['devices list', '--device-type esp32'],
  ['devices groups', '--device DEVICE --group g --group h'],
  ['devices retry', '--device DEVICE'],
  ['devices show', '--device DEVICE'],
  ['devices key', '--device DEVICE'],
  ['logs', '--device-id DEVICE'],
  ['models set', '--device-type c3 --auth token --public-key key.pem'],
  ['models show', '--device-type c3'],
  ['models list', ''],
  ['keys create', '--name k --role viewer --ttl 60'],
  ['keys list', ''],
  ['keys revoke', '--name k'],
  ['tokens create', '--name d1 --ttl 60'],
  ['tokens create', '--name jane --role viewer'],
  ['tokens revoke', '--subject d1 --kind device'],
  ['tokens revoke', '--id TOKEN'],
  ['tokens list', '--limit 5'],
  ['audit', '--updates'],
];

/** Tells the story; gives what was printed, by act (the last time that it was done). */
async function tell(...more: string[]): Promise<Record<string, string>> {
  const cwd = await createFolder({ 'app.bin': image, 'key.pem': key.publicPem });
  const service = await startService();
  const told: Record<string, string> = {};
  for (const step of story) {
    if (typeof step === 'function') {
      await step(service);
      continue;
    }
    const [words, options] = step;
    const { body: uploaded } = await service.call('GET', '/api/ota/admin/firmware/1');
    const { body: listed } = await service.call('GET', '/api/v1/tokens?kind=admin');
    const filled = options
      .replace('TOKEN', String((listed.tokens as unknown as { id: string }[])[0]?.id))
      .split(' ')
      .filter((word) => word !== '')
      .map((word) => word.replace('SIZE', String(uploaded.file_size)))
      .map((word) => word.replace('HASH', String(uploaded.file_hash)).replace('DEVICE', device));
    const { exitCode, stdout, stderr } = await runOta(
      ['admin', ...words.split(' '), ...filled, ...more],
      { cwd, env: { OTA_SERVER: service.url, OTA_ADMIN_KEY: adminKey } },
    );
    expect([exitCode, stderr], `${words} ${options}`).toEqual([0, '']);
    told[words] = stdout;
  }
  return told;
}

const acts = adminActs.map(({ words }) => words);

describe('every act of ota admin', () => {
  it('is in the story that these tests tell', () => {
    const told = story.flatMap((step) => (typeof step === 'function' ? [] : [step[0]]));
    expect([...new Set(told)].sort()).toEqual([...acts].sort());
  });

  it('answers machines in JSON, as the schema says', async () => {
    const told = await tell('--json');
    for (const words of acts) {
      const name = words.replaceAll(' ', '-');
      const check = defineSchema({
        ...schema,
        $id: `${schema.$id}/${name}`,
        anyOf: [{ $ref: `#/$defs/${name}` }],
      });
      const answer = JSON.parse(told[words] ?? '');
      expect(check(answer), words).toEqual([]);
      expect(defineSchema(schema)(answer), words).toEqual([]);
    }
    expect(JSON.parse(told['devices show'] ?? '')).toMatchObject({
      device_id: device,
      updates: [{ state: 'failed' }],
      history: [{}, {}, {}],
    });
  });

  it('answers people in tables, in which nothing from outside reaches the terminal', async () => {
    const told = await tell();
    for (const words of acts) {
      const text = told[words] ?? '';
      expect(text, words).toMatch(/\S/);
      expect(text, words).not.toMatch(/[{}"]/);
      expect(text, words).not.toContain('\u001b');
    }
    expect(told['rollout show']).toMatch(/^name +r$/m);
    expect(told['rollout show']).toMatch(/^attempts +failed=1$/m);
    expect(told['rollout list']).toMatch(/^r +esp32 +1\.1\.0 +all +100 +running$/m);
    expect(told['devices show']).toMatch(/^groups +g, h$/m);
    expect(told['devices show']).toMatch(/^history:\nat +attempt_id +from +to +source +detail\n/m);
    expect(told['devices list']).toContain('d1\\x1b[2J');
    expect(told['models list']).toMatch(
      new RegExp(`^c3 +token +${key.publicKey.id.slice(0, 16)}$`, 'm'),
    );
    expect(told['models show']).not.toContain('BEGIN');
    expect(told['keys create']).toMatch(/^key +ota_\S+$/m);
    expect(told['tokens list']).toMatch(/^[0-9a-f]{24} +admin +jane +viewer +(\S+Z +){2}\S+Z$/m);
    expect(told['tokens list']).toMatch(/^[0-9a-f]{24} +device +d1 +- +(\S+Z +){2}\S+Z$/m);
    expect(told.audit).toMatch(/update_failed +d1/);
  });

  it('says in help what it takes', async () => {
    const { stdout } = await runOta(['admin', '--help'], { cwd: '.' });
    const text = stdout.replaceAll(/\s+/g, ' ');
    for (const words of acts) expect(text).toContain(`ota admin ${words}`);
    expect(text).toContain('ota admin models set --device-type --auth | --public-key | --unsigned');
    expect(text).toContain('ota admin keys create --name --role [--ttl]');
  });
});
