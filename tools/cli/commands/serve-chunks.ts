import { pullTopicDefaults, serveReleaseChunks } from '../../workflows/serving/serve-chunks.ts';
import { defineCommand } from '../command.ts';
import { line } from '../io.ts';
import { fleetOptions, readFleetConfig } from '../options/fleet-options.ts';
import {
  numberBetween,
  optional,
  readWorkspace,
  verboseOption,
  workspaceOptions,
} from '../options/options.ts';
import { formatBytes } from '../render.ts';

export const serveChunksCommand = defineCommand({
  examples: [
    ['ota serve-chunks --version 1.2.3', 'answer chunk requests until Ctrl-C'],
    [
      'ota serve-chunks --version latest --announce v1/devices/me/attributes',
      'and tell devices that listen',
    ],
  ],
  options: (yargs) =>
    yargs.options({
      ...fleetOptions,
      ...workspaceOptions,
      version: { type: 'string', demandOption: true, describe: 'version id, or latest' },
      artifact: { type: 'string', describe: 'the artifact, when the release has several' },
      'request-topic': {
        type: 'string',
        default: pullTopicDefaults.request,
        describe: 'topic of requests; may hold {device} too',
      },
      'response-topic': {
        type: 'string',
        default: pullTopicDefaults.response,
        describe: 'topic of answers, with the same places',
      },
      'max-chunk': { type: 'number', default: 65_536, describe: 'bytes of one answer' },
      announce: { type: 'string', describe: 'publish the attributes on this topic first' },
      ...verboseOption,
    }),
  async run(args, io) {
    const largestChunkBytes = numberBetween('max-chunk', args['max-chunk'], 1, 1024 * 1024);
    const served = await serveReleaseChunks({
      loaded: await readFleetConfig(io, args),
      artifact: {
        now: io.now(),
        ...readWorkspace(args, io),
        version: args.version,
        ...optional('artifact', args.artifact),
      },
      requestTopic: args['request-topic'],
      responseTopic: args['response-topic'],
      largestChunkBytes,
      ...optional('announceTopic', args.announce),
      random: io.random,
      signal: io.signal,
      onReady: ({ filename, version }) =>
        line(io.stdout, `serving ${filename} (${version}); Ctrl-C ends it`),
      onEvent(event) {
        if (event.type === 'lost') line(io.stderr, 'connection to the broker lost; trying again');
        if (event.type === 'back') line(io.stderr, 'connection to the broker is back');
        if (event.type === 'refused') line(io.stderr, `${event.requestId}: ${event.why}`);
        if (event.type === 'served' && args.verbose) {
          line(io.stderr, `${event.requestId}: up to byte ${event.untilByte}`);
        }
      },
    });
    const { requests, bytes, refused } = served;
    line(io.stdout, `${requests} requests, ${formatBytes(bytes)} sent, ${refused} refused`);
    return 0;
  },
});
