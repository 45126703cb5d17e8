import type { HealthCheck } from '../../core/health/check.ts';
import { examine } from '../../workflows/doctor/doctor.ts';
import { defineCommand } from '../command.ts';
import { line, writeJson } from '../io.ts';
import { fleetOptions, readFleetConfig } from '../options/fleet-options.ts';
import {
  jsonOption,
  optional,
  readWorkspace,
  verboseOption,
  workspaceOptions,
} from '../options/options.ts';

const marks = { ok: 'ok', warning: 'warning', failed: 'FAILED' } as const;

export const doctorCommand = defineCommand({
  examples: [
    ['ota doctor', 'look at broker, topics and update server'],
    ['ota doctor --version latest --json', 'and at a release; for a machine'],
  ],
  options: (yargs) =>
    yargs.options({
      ...fleetOptions,
      ...workspaceOptions,
      version: { type: 'string', describe: 'hold this release against the limits, too' },
      artifact: { type: 'string', describe: 'the artifact, when the release has several' },
      ...jsonOption,
      ...verboseOption,
    }),
  async run(args, io) {
    const release =
      args.version === undefined
        ? undefined
        : {
            ...readWorkspace(args, io),
            version: args.version,
            now: io.now(),
            ...optional('artifact', args.artifact),
          };
    const checks = await examine({
      loaded: await readFleetConfig(io, args),
      ...optional('release', release),
      now: io.now,
      random: io.random,
      signal: io.signal,
      notify(check) {
        if (!args.json) line(io.stdout, renderCheck(check));
      },
    });
    const bad = checks.filter(({ status }) => status === 'failed').length;
    const odd = checks.filter(({ status }) => status === 'warning').length;
    if (args.json) writeJson(io.stdout, { ok: bad === 0, checks });
    else line(io.stdout, `${checks.length} checks, ${bad} failed, ${odd} warnings`);
    return bad === 0 ? 0 : 1;
  },
});

function renderCheck({ name, status, message, remedy }: HealthCheck): string {
  const advice = remedy === undefined ? '' : ` -> ${remedy}`;
  return `${marks[status]}: ${name}: ${message}${advice}`;
}
