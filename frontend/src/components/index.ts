/** Every component of `@verihome/realtime`. */
export * from "./common";
export * from "./messages";
export * from "./notifications";
export * from "./people";
