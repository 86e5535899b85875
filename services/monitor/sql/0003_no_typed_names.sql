-- Who was refused is nobody yet: people type a password where the name belongs, so what they
-- typed is not kept, nor what was kept of it before.
update action set actor = '' where action = 'session.refused';
