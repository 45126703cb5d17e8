import type { CommandEntry } from '../command.ts';

/** All verbs, in the order of `ota --help`. A command's file is loaded only when it runs. */
export const commands: readonly CommandEntry[] = [
  {
    usage: 'init',
    summary: 'make the workspace of a new product',
    load: async () => (await import('./init.ts')).initCommand,
  },
  {
    usage: 'package',
    summary: 'make a release from a build',
    load: async () => (await import('./package.ts')).packageCommand,
  },
  {
    usage: 'deploy',
    summary: 'send a release over its transports',
    load: async () => (await import('./deploy.ts')).deployCommand,
  },
  {
    usage: 'inspect <path>',
    summary: 'say what a firmware file or a build is',
    load: async () => (await import('./inspect.ts')).inspectCommand,
  },
  {
    usage: 'push',
    summary: 'push a firmware file to devices on the network',
    load: async () => (await import('./push.ts')).pushCommand,
  },
  {
    usage: 'discover',
    summary: 'find devices on the network that can be pushed to',
    load: async () => (await import('./discover.ts')).discoverCommand,
  },
  {
    usage: 'validate',
    summary: 'check the manifests and channel settings',
    load: async () => (await import('./validate.ts')).validateCommand,
  },
  {
    usage: 'verify',
    summary: 'check the files of releases: sizes, hashes, images, signatures, orphans',
    load: async () => (await import('./verify.ts')).verifyCommand,
  },
  {
    usage: 'list',
    summary: 'list versions with date, size, chip, signatures and label',
    load: async () => (await import('./list.ts')).listCommand,
  },
  {
    usage: 'prune',
    summary: 'remove the oldest versions',
    load: async () => (await import('./prune.ts')).pruneCommand,
  },
  {
    usage: 'export',
    summary: 'publish a release in the format of another tool',
    load: async () => (await import('./export.ts')).exportCommand,
  },
  {
    usage: 'keygen',
    summary: 'make a key pair to sign releases with',
    load: async () => (await import('./keygen.ts')).keygenCommand,
  },
  {
    usage: 'sign',
    summary: 'sign a release and its artifacts',
    load: async () => (await import('./sign.ts')).signCommand,
  },
  {
    usage: 'publish',
    summary: 'put firmware onto an update server, for devices that pull',
    load: async () => (await import('./publish.ts')).publishCommand,
  },
  {
    usage: 'command <action>',
    summary: 'tell a fleet over MQTT to check, update, roll back or report',
    load: async () => (await import('./command.ts')).commandCommand,
  },
  {
    usage: 'watch',
    summary: 'follow the status of a fleet',
    load: async () => (await import('./watch.ts')).watchCommand,
  },
  {
    usage: 'serve-chunks',
    summary: 'answer devices that fetch firmware in chunks over MQTT',
    load: async () => (await import('./serve-chunks.ts')).serveChunksCommand,
  },
  {
    usage: 'doctor',
    summary: 'check broker, topics, update server and release',
    load: async () => (await import('./doctor.ts')).doctorCommand,
  },
  {
    usage: 'health',
    summary: 'the same as doctor, under the name of the seed',
    load: async () => (await import('./doctor.ts')).doctorCommand,
  },
  {
    usage: 'simulate <what>',
    summary: 'run virtual devices that can be updated',
    load: async () => (await import('./simulate.ts')).simulateCommand,
  },
  {
    usage: 'smoke-test',
    summary: 'package and dry-run in a temporary folder, without network',
    load: async () => (await import('./smoke-test.ts')).smokeTestCommand,
  },
  {
    usage: 'demo',
    summary: 'the whole job on this machine: broker, server and two virtual devices',
    load: async () => (await import('./demo.ts')).demoCommand,
  },
  {
    usage: 'serve',
    summary: 'run the OTA service: releases, rollouts, devices',
    load: async () => (await import('./serve.ts')).serveCommand,
  },
  {
    usage: 'admin <words..>',
    summary: 'administer a running OTA service',
    load: async () => (await import('./admin.ts')).adminCommand,
  },
];
