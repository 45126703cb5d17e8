import { transports } from '../../transports/index.ts';
import { createClock } from '../../workflows/clock.ts';
import { type DemoDevice, demo } from '../../workflows/simulation/demo.ts';
import { defineCommand } from '../command.ts';
import { line, writeJson } from '../io.ts';
import { absolute, jsonOption, optional, verboseOption } from '../options/options.ts';

export const demoCommand = defineCommand({
  examples: [
    ['ota demo', 'package and deploy a built-in image to two virtual devices'],
    ['ota demo --binary build/gateway.bin', 'the same with an image of your own'],
  ],
  options: (yargs) =>
    yargs.options({
      binary: { type: 'string', normalize: true, describe: 'an image of your own' },
      ...jsonOption,
      ...verboseOption,
    }),
  async run(args, io) {
    let number = 0;
    const devices = await demo({
      transports,
      clock: createClock(io),
      env: io.env,
      signal: io.signal,
      notify({ title, lines }) {
        number += 1;
        if (args.json) return;
        line(io.stdout, `${number}. ${title}`);
        for (const words of lines) line(io.stdout, `   ${words}`);
      },
      ...optional('binaryPath', args.binary === undefined ? undefined : absolute(io, args.binary)),
    });
    const ok = devices.every((device) => device.ok);
    if (args.json) writeJson(io.stdout, { ok, devices: devices.map(toJson) });
    else line(io.stdout, ok ? 'Both devices hold the right bytes.' : 'The demonstration failed.');
    return ok ? 0 : 1;
  },
});

function toJson({ name, received, ok }: DemoDevice): object {
  if (received === undefined) return { name, ok };
  return { name, received: { size: received.sizeBytes, sha256: received.sha256 }, ok };
}
