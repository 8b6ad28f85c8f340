// A booking with openapi-fetch, typed by what openapi-typescript makes of the schema; tsc --strict reads this too.

import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, operations } from "./holdfast.js";

// A body of any or unknown makes these lines wrong.
type Known<T> = unknown extends T ? never : T;
type Body<Name extends keyof operations> = operations[Name] extends {
  requestBody: { content: { "application/json": infer T } };
}
  ? Known<T>
  : never;
type Answer<Name extends keyof operations, Status extends number> = operations[Name] extends {
  responses: { [status in Status]: { content: { "application/json": infer T } } };
}
  ? Known<T>
  : never;
const sent: [Body<"place_hold">, Body<"confirm_hold">, Body<"reschedule_appointment">] = [
  { booking_key: "…" },
  { patient_id: "…" },
  { hold_id: "…" },
];
type Appointment = components["schemas"]["Appointment"];
const read = (answer: Answer<"confirm_hold", 201> | Answer<"reschedule_appointment", 200>): Appointment => answer.data;
assert.equal(sent.length, 3);

const client = createClient<import("./holdfast.js").paths>({
  baseUrl: process.env.BASE,
  headers: { Authorization: `Bearer ${process.env.KEY}` },
});

function found<T>(answer: { data?: T; error?: { title: string; detail: string } }): T {
  if (answer.data === undefined) throw new Error(`${answer.error?.title} ${answer.error?.detail}`);
  return answer.data;
}

const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
const services = found(await client.GET("/api/v1/appointment-types"));
const openings = found(
  await client.GET("/api/v1/availability", {
    params: { query: { appointment_type_id: services.data[0]!.id, start_date: inDays(7), end_date: inDays(14) } },
  }),
);
const [first, last] = [openings.data[0]!, openings.data.at(-1)!];

const hold = found(await client.POST("/api/v1/holds", { body: { booking_key: first.booking_key } })).data;
assert.equal(hold.status, "active" satisfies components["schemas"]["HoldStatus"]);
const { error } = await client.POST("/api/v1/holds", { body: { booking_key: first.booking_key } });
assert(error?.code === "slot-taken" && error.alternatives.length === 3);

const alice = { first_name: "Alice", last_name: "Archer", date_of_birth: "1985-04-12", email: "alice@example.org" };
const confirmed = read(
  found(
    await client.POST("/api/v1/holds/{id}/confirm", {
      params: { path: { id: hold.id }, header: { "Idempotency-Key": hold.id } },
      body: { patient: alice },
    }),
  ),
);

const params = { path: { id: confirmed.id } };
const body = { booking_key: last.booking_key };
const moved = read(found(await client.POST("/api/v1/appointments/{id}/reschedule", { params, body })));
assert.deepEqual([moved.id, moved.start_time], [confirmed.id, last.start_time]);

const cancelled = found(
  await client.POST("/api/v1/appointments/{id}/cancel", { params, body: { reason: "patient_request" } }),
).data;
console.log(cancelled.reference, cancelled.status);
