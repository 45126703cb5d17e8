import type { SchemaObject } from 'ajv';
import type { Delivery, Targets, Transport } from '../core/release/delivery.ts';
import { defineSchema } from '../core/schema.ts';
import { channelInvalid } from './channel-check.ts';

export interface TransportDefinition<Channel> {
  readonly name: string;
  readonly summary: string;
  /** JSON Schema of the channel's block in a manifest, with an `$id`. */
  readonly schema: SchemaObject;
  /** A valid channel without secrets. */
  readonly example: Readonly<Record<string, unknown>>;
  /** Set where `prepare` makes one delivery for each device. */
  readonly perDevice?: true;
  /** Set where the other side can be asked to start a rollout; see `Transport`. */
  readonly startsRollouts?: true;
  prepare(channel: Channel, targets: Targets): Delivery[];
}

/**
 * Makes a transport whose channel type stays in its own file: unknown settings are checked against the
 * schema before `prepare` sees them, so that a bad channel fails at plan time, before a byte is sent.
 */
export function defineTransport<Channel>(definition: TransportDefinition<Channel>): Transport {
  const check = defineSchema(definition.schema);
  return {
    name: definition.name,
    summary: definition.summary,
    example: definition.example,
    ...(definition.perDevice === undefined ? {} : { perDevice: definition.perDevice }),
    ...(definition.startsRollouts === undefined ? {} : { startsRollouts: true }),
    prepare(channel, targets) {
      const problems = check(channel);
      if (problems.length > 0) throw channelInvalid(definition.name, problems);
      return definition.prepare(channel as Channel, targets);
    },
  };
}
