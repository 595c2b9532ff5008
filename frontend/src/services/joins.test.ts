// @vitest-environment node
import { expect, it, vi } from "vitest";
import { aThread } from "../testing/factories";
import { createFakeLine } from "../testing/fakeLine";
import { Joins } from "./joins";

it("joins for the first and leaves after the last", () => {
  const line = createFakeLine();
  const joins = new Joins(line, vi.fn());
  const one = joins.join("t1");
  const other = joins.join("t1");
  one();
  one();
  expect(line.asked).toEqual([{ name: "join_conversation", request: { thread_id: "t1" } }]);
  other();
  expect(line.asked[1]).toEqual({ name: "leave_conversation", request: { thread_id: "t1" } });
});

it("joins again on a new connection what is still wanted", () => {
  const line = createFakeLine();
  line.isWhole = false;
  const joins = new Joins(line, vi.fn());
  joins.join("t1");
  joins.join("t2")();
  expect(line.asked).toEqual([]);
  line.isWhole = true;
  joins.rejoin();
  expect(line.asked).toEqual([{ name: "join_conversation", request: { thread_id: "t1" } }]);
});

it("joins the room where that is all there is, and learns the thread from it", async () => {
  const line = createFakeLine(["/threads"]);
  line.answer("join", () => aThread());
  const joined = vi.fn();
  new Joins(line, joined).join("t1");
  await vi.waitFor(() => expect(joined).toHaveBeenCalledWith(aThread()));
});
