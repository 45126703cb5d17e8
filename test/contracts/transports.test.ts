import { expect, it } from 'vitest';
import { transports } from '../../tools/transports/index.ts';
import { describeTransport } from './transport-contract.ts';
import { transportExamples } from './transport-examples.ts';

it('every transport of the registry has an example, and every example a transport', () => {
  expect(Object.keys(transportExamples)).toEqual(transports.map(({ name }) => name));
});

for (const transport of transports) {
  const example = transportExamples[transport.name];
  if (example !== undefined) describeTransport(transport, example);
}
