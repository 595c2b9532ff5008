import { useEffect } from 'react';
import { useRealTimeMessages } from '../hooks/useRealTimeMessages';

const ChatComponent = () => {
  const {
    isConnected,
    sendMessage,
    markMessagesAsRead,
    startTyping,
    stopTyping,
    typingUsers,
    unreadCount,
    joinThread,
  } = useRealTimeMessages();

  useEffect(() => {
    joinThread('thread-123');
  }, []);

  const handleSendMessage = (content: string) => {
    sendMessage('thread-123', content);
  };

  return (
    <div>
      <p>Mensajes sin leer: {unreadCount}</p>
      <p>Conexión: {isConnected ? '🟢' : '🔴'}</p>
      {typingUsers.map(user => (
        <p key={user.userId}>{user.userName} está escribiendo...</p>
      ))}
    </div>
  );
};

export default ChatComponent;
