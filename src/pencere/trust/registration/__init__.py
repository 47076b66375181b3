"""The registration authority: acts on certificates, decided by signatures of officers.

The wire is docs/specs/registration-authority.md. An act is opened (`acts`), approved
(`approvals`), and carried out in the transaction of the approval that completes its quorum
(`execution`). Nothing outside this package writes the status of a person's certificate.
"""
