import { type AdminAct, type AdminOption, optionsOf } from '../../workflows/admin/act.ts';
import { adminActs } from '../../workflows/admin/index.ts';
import { admin } from '../../workflows/admin.ts';
import { defineCommand } from '../command.ts';
import { line, writeJson } from '../io.ts';
import { jsonOption } from '../options/options.ts';
import { renderAnswer } from '../views/admin-view.ts';

const text = (describe: string) => ({ type: 'string', nargs: 1, describe }) as const;
const number = (describe: string) => ({ type: 'number', nargs: 1, describe }) as const;
const flag = (describe: string) => ({ type: 'boolean', describe }) as const;

const connectionOptions = {
  server: { ...text('address of the service (env OTA_SERVER)'), default: '' },
  token: {
    ...text('key or token (env OTA_ADMIN_KEY, API_KEY)'),
    alias: ['admin-token', 'key'],
  },
} as const;

const actOptions = {
  file: { ...text('firmware image'), normalize: true },
  'device-type': { ...text('device model'), alias: ['model', 'device-model'] },
  signature: { ...text('detached signature of the image'), normalize: true },
  version: text('version of the release'),
  build: number('build number'),
  filename: text('name of the file'),
  'file-size': number('size in bytes, as the upload answered'),
  'file-hash': text('SHA-256, as the upload answered'),
  'binary-path': text('path, as the upload answered'),
  description: text('what it is'),
  'release-notes': text('what is new'),
  'min-version': text('oldest version that may take it'),
  stable: flag('offered without a rollout'),
  active: flag('offered and served at all'),
  register: flag('upload and register in one step'),
  id: text('number of a release, id of a token'),
  kind: { choices: ['device', 'admin'] as const, describe: 'whom a token is for' },
  subject: text('name of the device or person that a token is for'),
  name: text('name of a rollout, key or token'),
  target: text('whom a rollout addresses: all, canary:10, groups:a,b or devices:a,b'),
  percentage: number('share of the devices'),
  group: { ...text('a group (repeatable)'), array: true },
  device: { ...text('id of a device (repeatable for a rollout)'), array: true },
  downgrade: flag('go back to an older version, too'),
  deadline: number('seconds of silence until an update has timed out'),
  draft: flag('create the rollout without starting it'),
  'device-id': text('only this device'),
  'firmware-id': number('only this release'),
  status: text('only this status'),
  auth: {
    choices: ['open', 'token', 'hmac', 'mtls'] as const,
    describe: 'how devices show who they are',
  },
  'public-key': {
    ...text('PEM file of a key that must have signed every image (repeatable)'),
    array: true,
    conflicts: 'unsigned',
  },
  unsigned: flag('images of the model need no signature any more'),
  role: { choices: ['viewer', 'publisher', 'admin'] as const, describe: 'what a key may do' },
  ttl: number('seconds until a key or token expires'),
  type: text('only events of this type'),
  updates: flag('events of updates, too, not only acts'),
  skip: number('leave out the first ones'),
  limit: number('how many at most'),
} as const satisfies Record<AdminOption, object>;

export const adminCommand = defineCommand({
  examples: [
    ['ota admin upload --file firmware.bin --device-type esp32 --version 1.1.0', 'take a file in'],
    [
      'ota admin rollout create --name canary --device-type esp32 --version 1.1.0 --target canary:10',
      'offer it to a tenth',
    ],
    ['ota admin rollout set --name canary --percentage 25', 'raise it; the rest stays'],
    ['ota admin rollout pause --name canary', 'stop it'],
    ['ota admin devices show --device esp32_001', 'one device and its history'],
    ['ota admin keys create --name ci --role publisher', 'a key for the pipeline'],
    ['ota admin tokens revoke --subject esp32_001 --kind device', 'all tokens of a device'],
  ],
  options: (yargs) =>
    yargs
      .positional('words', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'what to do',
      })
      .options({
        ...connectionOptions,
        ...actOptions,
        ...jsonOption,
      })
      .epilogue(['What it can do, and with which flags:', ...adminActs.map(usageOf)].join('\n')),
  async run(args, io) {
    const { act, answer } = await admin({
      words: args.words.map(String),
      args,
      server: args.server || io.env.OTA_SERVER || 'http://127.0.0.1:8080',
      key: args.token ?? io.env.OTA_ADMIN_KEY ?? io.env.API_KEY,
      cwd: io.cwd,
      signal: io.signal,
    });
    if (args.json) writeJson(io.stdout, answer);
    else line(io.stdout, renderAnswer(act, answer));
    return 0;
  },
});

/** `rollout pause --name`, what is needed first and what may be left out in brackets. */
function usageOf(act: AdminAct): string {
  const { words, needs, needsOneOf = [] } = act;
  const options = optionsOf(act)
    .slice(needs.length + needsOneOf.length)
    .map((name) => `[--${name}]`);
  const some = needsOneOf.length === 0 ? [] : [needsOneOf.map((name) => `--${name}`).join(' | ')];
  return ['ota admin', words, ...needs.map((name) => `--${name}`), ...some, ...options].join(' ');
}
