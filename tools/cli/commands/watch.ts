import { statusEventJson, watchFleet } from '../../workflows/watch.ts';
import { defineCommand } from '../command.ts';
import { line, writeJsonLine } from '../io.ts';
import { fleetOptions, readFleetConfig } from '../options/fleet-options.ts';
import { absolute, numberBetween, optional, splitList, verboseOption } from '../options/options.ts';
import { createWatchTable, renderWatch } from '../views/watch-view.ts';

export const watchCommand = defineCommand({
  examples: [
    ['ota watch', 'the fleet as a table, until Ctrl-C'],
    ['ota watch --state failed --json', 'failures as NDJSON, for a machine'],
    ['ota watch --record night.ndjson --duration 3600', 'an hour into a file'],
  ],
  options: (yargs) =>
    yargs.options({
      ...fleetOptions,
      device: { type: 'string', array: true, describe: 'only this device (repeatable)' },
      state: { type: 'string', array: true, describe: 'only this state, such as failed' },
      json: { type: 'boolean', default: false, describe: 'one JSON object a line' },
      record: { type: 'string', normalize: true, describe: 'append every message to this file' },
      duration: { type: 'number', describe: 'seconds after which to end; default: Ctrl-C' },
      rows: { type: 'number', default: 40, describe: 'devices on a terminal' },
      ...verboseOption,
    }),
  async run(args, io) {
    const durationS =
      args.duration === undefined
        ? undefined
        : numberBetween('duration', args.duration, 0.001, 10_000_000);
    const live = io.stdout.isTTY && !args.json;
    const rows = numberBetween('rows', args.rows, 1, 10_000);
    const table = live ? createWatchTable(io, rows) : undefined;
    const watch = await watchFleet({
      loaded: await readFleetConfig(io, args),
      filter: { devices: splitList(args.device) ?? [], states: splitList(args.state) ?? [] },
      ...optional('recordPath', args.record === undefined ? undefined : absolute(io, args.record)),
      ...optional('durationMs', durationS === undefined ? undefined : durationS * 1000),
      now: () => io.now().getTime(),
      random: io.random,
      signal: io.signal,
      onEvent(event, current) {
        if (args.json) writeJsonLine(io.stdout, statusEventJson(event));
        else table?.changed(current);
      },
      onConnection: (event) =>
        line(io.stderr, `connection to the broker ${event === 'lost' ? 'lost' : 'is back'}`),
    });
    if (table !== undefined) table.close(watch);
    else if (!args.json) line(io.stdout, renderWatch(watch, io.now().getTime(), rows));
    return 0;
  },
});
