import { transports } from '../../transports/index.ts';
import { createClock } from '../../workflows/clock.ts';
import { smokeTest } from '../../workflows/simulation/smoke-test.ts';
import { defineCommand } from '../command.ts';
import { line, writeJson } from '../io.ts';
import { absolute, jsonOption, manifestOption, verboseOption } from '../options/options.ts';

export const smokeTestCommand = defineCommand({
  examples: [
    ['ota smoke-test', 'one line a check; exit 1 at any failure'],
    ['ota smoke-test --json', 'for CI'],
  ],
  options: (yargs) => yargs.options({ ...manifestOption, ...jsonOption, ...verboseOption }),
  async run(args, io) {
    const checks = await smokeTest({
      manifestPath: absolute(io, args.manifest),
      transports,
      clock: createClock(io),
      signal: io.signal,
    });
    const passed = checks.filter(({ ok }) => ok).length;
    const ok = passed === checks.length;
    if (args.json) writeJson(io.stdout, { ok, passed, failed: checks.length - passed, checks });
    else {
      for (const check of checks) {
        line(io.stdout, `${check.ok ? 'ok' : 'failed'}: ${check.name}`);
        if (check.error === undefined) continue;
        for (const words of [check.error.message, ...(check.error.details ?? [])]) {
          line(io.stdout, `  ${words}`);
        }
      }
      line(io.stdout, `${passed} passed, ${checks.length - passed} failed`);
    }
    return ok ? 0 : 1;
  },
});
