"""Work that waits for its turn: in this process (local), or shared by several nodes through PostgreSQL (shared)."""
