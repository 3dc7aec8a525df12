DROP FUNCTION student.overlay(bigint, bigint[], bigint);
