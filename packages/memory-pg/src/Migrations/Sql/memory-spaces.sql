-- Vectors of memories: a component by itself, for databases that have the extension. Each space of an embedder has a table of its own,
-- `crewline_memory_vector_<key>`, with a type and an index of its length, so that a change of model is another table that is filled beside
-- the first: nothing is locked, and vectors of two models are never compared. Rows go with their memories.

create extension if not exists vector;

create table crewline_memory_space (
  key int generated always as identity primary key,
  -- As in `Embedder`: provider/model.
  name text not null unique,
  dimensions int not null,
  -- When all memories of all tenants had a vector.
  filled_at timestamptz
);

-- include: memory-spaces/all-tenants
-- include: memory-spaces/vectors
-- include: memory-spaces/near
